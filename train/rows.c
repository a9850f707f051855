#include "train/rows.h"

struct shared_rows {
    size_t count, grain;
    trn_rows_work work;
    void *argument;
};

static void run_member(void *argument, int member, int size)
{
    const struct shared_rows *rows = argument;
    struct m2c_range items = m2c_team_share(rows->count, rows->grain, member, size);
    if (items.begin < items.end)
        rows->work(rows->argument, items, member);
}

void trn_for_rows(struct m2c_team *team, size_t count, size_t grain, trn_rows_work work,
                  void *argument)
{
    struct shared_rows rows = {.count = count, .grain = grain, .work = work, .argument = argument};
    if (count <= grain)
        run_member(&rows, 0, 1);
    else
        m2c_team_run(team, run_member, &rows);
}
