/* What a request may ask for: bounds that the operator may move. The server fills one from its
 * options; the command line takes the defaults. */
#ifndef PROTO_LIMITS_H
#define PROTO_LIMITS_H

struct proto_limits {
    int max_labels;      /* labels of one request, background not counted: 1,000 */
    int max_set_labels;  /* of one stored label set: 10,000 */
    int max_label_bytes; /* of one label, its id, its texts, a template or a background text: 256 */
    int max_label_texts; /* texts of one label object: 32 */
    int max_templates;   /* 64 */
    int max_texts;       /* texts of one embed request: 1,000 */
    int max_text_bytes;  /* of one text of embed or fill-mask: 4,096 */
    int max_inputs;      /* videos of one JSON request: 64 */
    int max_timeout_ms;  /* 300,000 */
    int default_timeout_ms; /* 60,000, never above max_timeout_ms */
};

/* The defaults above. */
struct proto_limits proto_limits_default(void);

#endif
