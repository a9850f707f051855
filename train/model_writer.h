/* Writes a base that was trained whole as a model folder of its own. */
#ifndef TRN_MODEL_WRITER_H
#define TRN_MODEL_WRITER_H

#include "train/tensors.h"

/* Writes every tensor (f32, by the names of the base's file) into the folder `dir`, with the base's
 * config, which is called untrained no more, its tokenizer and its preprocessing. The folder
 * appears whole, in place of one of that name. Adapters and heads are not looked for: the tensors
 * must be those that the config speaks of. M2C_IO_FAILED; M2C_BAD_MODEL for a config that cannot be
 * read. */
M2C_MUST_USE enum m2c_status trn_model_write(const char *dir, const char *base,
                                             const struct trn_tensors *tensors,
                                             struct m2c_error *err);

#endif
