/* A folder that appears under its name only when it is whole, in place of one of that name. */
#ifndef TRN_NEW_FOLDER_H
#define TRN_NEW_FOLDER_H

#include "model/folder_file.h"

struct trn_new_folder {
    const char *dir;           /* the name it will have, borrowed */
    char made[M2C_PATH_BYTES]; /* where its files are written until then; "": nothing is made */
};

/* Makes a hidden neighbour of `dir`, whose parent must be there. M2C_IO_FAILED. */
M2C_MUST_USE enum m2c_status trn_new_folder_begin(const char *dir, struct trn_new_folder *folder,
                                                  struct m2c_error *err);

/* With M2C_OK: gives it its name, and removes the folder that had it (files, no folders inside).
 * With another status, or where that fails, the neighbour goes and the older folder is still there.
 * Call it in any case; returns `status` or what failed here. */
M2C_MUST_USE enum m2c_status trn_new_folder_end(struct trn_new_folder *folder,
                                                enum m2c_status status, struct m2c_error *err);

#endif
