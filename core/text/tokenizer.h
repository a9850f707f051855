/* CLIP's byte-level BPE tokenizer: a text becomes token ids.
 *
 * A text is repaired and cleaned (clean_up.h says how, and what of ftfy is left out: its mojibake
 * repair), split by CLIP's pattern (pattern.h), written as bytes, and the bytes of each piece are
 * merged by rank (byte_pair.h). The same ids come out of all three file forms of one vocabulary.
 *
 * As in CLIP, a text that spells out <|startoftext|> or <|endoftext|> gets that token's id in
 * place: whoever looks for the end of an encoded text must take the first end token. "[MASK]" is
 * ordinary text here: its meaning belongs to the masked-language head's caller.
 */
#ifndef M2C_TEXT_TOKENIZER_H
#define M2C_TEXT_TOKENIZER_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

enum {
    M2C_TOKENIZER_MAX_TEXT_BYTES = 1 << 20, /* of one text */
    M2C_TOKENIZER_MAX_SYMBOLS = 1 << 20,    /* entries of a vocabulary */
};

struct m2c_tokenizer;

/* The files of one tokenizer as byte ranges, borrowed for the call. An absent file is NULL. */
struct m2c_tokenizer_files {
    const char *vocab_json; /* with merges_txt */
    size_t vocab_json_bytes;
    const char *merges_txt;
    size_t merges_txt_bytes;
    const char *tokenizer_json;
    size_t tokenizer_json_bytes;
    const char *bpe_gzip; /* bpe_simple_vocab_16e6.txt.gz */
    size_t bpe_gzip_bytes;
};

/* Reads a model folder's tokenizer: vocab.json with merges.txt, else tokenizer.json, else
 * bpe_simple_vocab_16e6.txt.gz. `*out` is new (m2c_tokenizer_free), or NULL with M2C_OK when the
 * folder has none of them. A file that is not regular, too large, not well formed, or whose
 * vocabulary and merges do not fit together is M2C_BAD_MODEL. Any thread. */
M2C_MUST_USE enum m2c_status m2c_tokenizer_open(const char *dir, struct m2c_tokenizer **out,
                                                struct m2c_error *err);

/* The same from memory, by the same order of forms. Nothing is kept of the bytes. */
M2C_MUST_USE enum m2c_status m2c_tokenizer_open_files(const struct m2c_tokenizer_files *files,
                                                      struct m2c_tokenizer **out,
                                                      struct m2c_error *err);

/* Frees `*tokenizer` and sets it to NULL; NULL is fine. No encode may be running. */
void m2c_tokenizer_free(struct m2c_tokenizer **tokenizer);

/* Entries V (ids are 0..V-1; CLIP's 49,408), and the ids that CLIP puts around a text (49,406 and
 * 49,407). Any thread. */
int m2c_tokenizer_vocabulary(const struct m2c_tokenizer *tokenizer);
int m2c_tokenizer_start_id(const struct m2c_tokenizer *tokenizer);
int m2c_tokenizer_end_id(const struct m2c_tokenizer *tokenizer);

/* Encodes `bytes` bytes of UTF-8 at `text` into `ids` [capacity], without start, end and padding.
 * `*count` is the number of tokens of the whole text, also on the failure that it exceeds
 * `capacity`: M2C_INVALID_REQUEST, as are invalid UTF-8 and more than M2C_TOKENIZER_MAX_TEXT_BYTES.
 * An empty text, or one of white space, has no tokens. NUL and other control characters are
 * removed, not refused. `ids` may be NULL when `capacity` is 0. Time is n log n in the text's
 * length whatever it holds. Any thread; the tokenizer is not changed. */
M2C_MUST_USE enum m2c_status m2c_tokenizer_encode(const struct m2c_tokenizer *tokenizer,
                                                  const char *text, size_t bytes, int32_t *ids,
                                                  size_t capacity, size_t *count,
                                                  struct m2c_error *err);

/* The same, but a text that is too long keeps its first `capacity` tokens (`*count` = those kept):
 * what CLIP does when asked to truncate, with `capacity` the context less start and end. */
M2C_MUST_USE enum m2c_status m2c_tokenizer_encode_truncated(const struct m2c_tokenizer *tokenizer,
                                                            const char *text, size_t bytes,
                                                            int32_t *ids, size_t capacity,
                                                            size_t *count, struct m2c_error *err);

/* Writes a small tokenizer into folder `dir` as vocab.json and merges.txt: the 256 byte symbols,
 * the same at a word's end, a few merges of English letters, and the two special tokens, the end
 * having the highest id. `*vocabulary` is the number of entries. Replaces files of these names. */
M2C_MUST_USE enum m2c_status m2c_tokenizer_write_bytes(const char *dir, int *vocabulary,
                                                       struct m2c_error *err);

#endif
