/* The three file forms of a tokenizer, each from its bytes to a vocabulary.
 *
 * On failure `vocabulary` may be half filled: the caller frees it either way. Errors: M2C_BAD_MODEL
 * with what does not fit, no memory. */
#ifndef M2C_TEXT_VOCABULARY_FILES_H
#define M2C_TEXT_VOCABULARY_FILES_H

#include "text/vocabulary.h"

/* vocab.json: an object of symbol -> id. merges.txt: a pair a line, behind a line that begins with
 * "#version", if it is there. */
M2C_MUST_USE enum m2c_status m2c_vocabulary_read_pair(const char *vocab, size_t vocab_bytes,
                                                      const char *merges, size_t merges_bytes,
                                                      struct m2c_vocabulary *vocabulary,
                                                      struct m2c_error *err);

/* tokenizer.json of Hugging Face's tokenizers: model.type BPE with end_of_word_suffix "</w>",
 * model.vocab, model.merges as strings or pairs, added_tokens. Its normalizer and pre-tokenizer are
 * not read: they are CLIP's here. */
M2C_MUST_USE enum m2c_status m2c_vocabulary_read_tokenizer_json(const char *bytes, size_t size,
                                                                struct m2c_vocabulary *vocabulary,
                                                                struct m2c_error *err);

/* CLIP's bpe_simple_vocab_16e6.txt.gz: a first line of no meaning, then a pair a line, of which the
 * first M2C_CLIP_MERGES count. Ids are given by place: the byte symbols, the same at a word's end,
 * a symbol a merge, start, end. */
enum { M2C_CLIP_MERGES = 49152 - 256 - 2 };
M2C_MUST_USE enum m2c_status m2c_vocabulary_read_gzip(const char *bytes, size_t size,
                                                      struct m2c_vocabulary *vocabulary,
                                                      struct m2c_error *err);

#endif
