/* A data list being read: shared by its forms. Private to train/data_*.c. */
#ifndef TRN_DATA_READER_H
#define TRN_DATA_READER_H

#include "train/data_list.h"

struct trn_data_reader {
    const struct trn_data_source *source;
    struct trn_data_list *list;
    size_t line; /* being read */
    struct m2c_error *err;
};

/* Appends an item of that path, which is copied; joined to the list's folder where it is relative
 * and the source no folder. */
M2C_MUST_USE enum m2c_status trn_data_add(const struct trn_data_reader *reader,
                                          const struct trn_item *item);

/* The current line cannot be used: reported and M2C_OK where bad lines are skipped, else an
 * error. */
M2C_MUST_USE enum m2c_status trn_data_bad(const struct trn_data_reader *reader, const char *format,
                                          ...) __attribute__((format(printf, 2, 3)));

/* The two forms of a list, from bytes that may be written to; and the folder. */
M2C_MUST_USE enum m2c_status trn_data_read_rows(struct trn_data_reader *reader, char *text);
M2C_MUST_USE enum m2c_status trn_data_read_folder(struct trn_data_reader *reader);

#endif
