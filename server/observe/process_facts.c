#include "server/observe/process_facts.h"

#include <dirent.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* Fields of /proc/self/stat behind the name, which may hold spaces: the first there is field 3. */
enum { FIRST_FIELD = 3, UTIME = 14, STIME = 15, THREADS = 20, START = 22, VSIZE = 23, RSS = 24 };

/* Fills fields [3..24]; false where the file cannot be read or is not as expected. */
static bool read_fields(double fields[RSS + 1])
{
    char text[1024];
    FILE *file = fopen("/proc/self/stat", "re");
    if (!file)
        return false;
    size_t size = fread(text, 1, sizeof text - 1, file);
    (void)fclose(file);
    text[size] = '\0';
    const char *at = strrchr(text, ')');
    if (!at || at[1] != ' ' || at[2] == '\0')
        return false;
    at += 3; /* behind the state, which is a letter */
    for (int field = FIRST_FIELD + 1; field <= RSS; field++) {
        char *end;
        fields[field] = strtod(at, &end);
        if (end == at)
            return false;
        at = end;
    }
    return true;
}

static double count_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    double count = -3.0; /* ".", ".." and the folder's own */
    if (!folder)
        return NAN;
    while (readdir(folder))
        count += 1.0;
    (void)closedir(folder);
    return count;
}

/* When the process started, from its age: the kernel counts from the machine's start. */
static double start_time(double start_ticks, double ticks_per_s)
{
    struct timespec now = {0}, up = {0};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)clock_gettime(CLOCK_BOOTTIME, &up);
    double boot_s = (double)(now.tv_sec - up.tv_sec) + (double)(now.tv_nsec - up.tv_nsec) * 1e-9;
    return boot_s + start_ticks / ticks_per_s;
}

struct srv_process_facts srv_process_facts_read(void)
{
    double fields[RSS + 1];
    double ticks_per_s = (double)sysconf(_SC_CLK_TCK), page = (double)sysconf(_SC_PAGESIZE);
    struct srv_process_facts facts = {NAN, NAN, NAN, NAN, NAN, NAN, NAN};
    struct rlimit limit;
    facts.open_fds = count_descriptors();
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        facts.max_fds = (double)limit.rlim_cur;
    if (!read_fields(fields))
        return facts;
    facts.resident_bytes = fields[RSS] * page;
    facts.virtual_bytes = fields[VSIZE];
    facts.cpu_s = (fields[UTIME] + fields[STIME]) / ticks_per_s;
    facts.threads = fields[THREADS];
    facts.start_s = start_time(fields[START], ticks_per_s);
    return facts;
}
