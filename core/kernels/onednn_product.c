#include "kernels/onednn_product.h"

#include <dnnl.h>
#include <omp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/kernels.h"
#include "runtime/cpu.h"

enum {
    PACKING_ROWS = 1024,       /* the weights' layout is chosen for this many rows */
    MAX_EXACT_PRIMITIVES = 64, /* beyond them rows are cut into powers of two */
    SCRATCH_BYTES = 1 << 20,
};

/* A primitive for one number of rows; nodes are only ever pushed, so readers need no lock. */
struct sized_primitive {
    size_t rows, ldx, ldy;
    enum m2c_onednn_post post;
    dnnl_primitive_t primitive;
    dnnl_memory_desc_t x, y;
    const dnnl_memory_desc_t *scratch; /* owned by the primitive's descriptor */
    dnnl_primitive_desc_t description;
    struct sized_primitive *next;
};

struct m2c_onednn_product {
    enum m2c_onednn_kind kind;
    size_t in, out;
    dnnl_memory_desc_t weight_layout, bias_layout;
    void *weight; /* packed */
    dnnl_memory_t weight_memory, bias_memory;
    bool has_bias;
    pthread_mutex_t lock; /* pushes */
    struct sized_primitive *_Atomic primitives;
    _Atomic size_t primitive_count;
};

static dnnl_engine_t engine;
static dnnl_stream_t stream; /* a CPU stream holds no state: calls on it run in the caller */
static pthread_once_t engine_once = PTHREAD_ONCE_INIT;

static void make_engine(void)
{
    if (dnnl_engine_create(&engine, dnnl_cpu, 0) != dnnl_success ||
        dnnl_stream_create(&stream, engine, dnnl_stream_default_flags) != dnnl_success)
        engine = NULL;
}

/* The team splits the rows; OpenMP's count is a thread's own, so each caller sets it once. */
static void use_one_thread(void)
{
    static _Thread_local bool done;
    if (!done)
        omp_set_num_threads(1);
    done = true;
}

static dnnl_data_type_t input_type(enum m2c_onednn_kind kind)
{
    return kind == M2C_ONEDNN_F32 ? dnnl_f32 : kind == M2C_ONEDNN_BF16 ? dnnl_bf16 : dnnl_u8;
}

static dnnl_data_type_t weight_type(enum m2c_onednn_kind kind)
{
    return kind == M2C_ONEDNN_F32 ? dnnl_f32 : kind == M2C_ONEDNN_BF16 ? dnnl_bf16 : dnnl_s8;
}

static dnnl_data_type_t output_type(enum m2c_onednn_kind kind)
{
    return kind == M2C_ONEDNN_INT8 ? dnnl_s32 : dnnl_f32;
}

static bool describe_matrix(dnnl_memory_desc_t *layout, size_t rows, size_t columns, size_t ld,
                            dnnl_data_type_t type)
{
    dnnl_dims_t dims = {(dnnl_dim_t)rows, (dnnl_dim_t)columns};
    dnnl_dims_t strides = {(dnnl_dim_t)ld, 1};
    return dnnl_memory_desc_init_by_strides(layout, 2, dims, type, strides) == dnnl_success;
}

static bool append_post(dnnl_post_ops_t posts, enum m2c_onednn_post post)
{
    switch (post) {
    case M2C_ONEDNN_STORE:
        return true;
    case M2C_ONEDNN_SUM:
        return dnnl_post_ops_append_sum(posts, 1.0F) == dnnl_success;
    case M2C_ONEDNN_QUICK_GELU:
        return dnnl_post_ops_append_eltwise(posts, 1.0F, dnnl_eltwise_swish, 1.702F, 0.0F) ==
               dnnl_success;
    case M2C_ONEDNN_GELU:
        return dnnl_post_ops_append_eltwise(posts, 1.0F, dnnl_eltwise_gelu_erf, 0.0F, 0.0F) ==
               dnnl_success;
    }
    return false;
}

/* Attributes: scratch is the caller's, `post` is folded in. */
static bool make_attributes(enum m2c_onednn_post post, dnnl_primitive_attr_t *attributes)
{
    dnnl_post_ops_t posts = NULL;
    if (dnnl_primitive_attr_create(attributes) != dnnl_success)
        return false;
    bool ok = dnnl_post_ops_create(&posts) == dnnl_success && append_post(posts, post) &&
              dnnl_primitive_attr_set_post_ops(*attributes, posts) == dnnl_success &&
              dnnl_primitive_attr_set_scratchpad_mode(*attributes, dnnl_scratchpad_mode_user) ==
                  dnnl_success;
    if (posts)
        (void)dnnl_post_ops_destroy(posts);
    if (!ok)
        (void)dnnl_primitive_attr_destroy(*attributes);
    return ok;
}

static bool describe_product(const struct m2c_onednn_product *product,
                             const dnnl_memory_desc_t *weight, const dnnl_memory_desc_t *x,
                             const dnnl_memory_desc_t *y, enum m2c_onednn_post post,
                             dnnl_primitive_desc_t *description)
{
    dnnl_matmul_desc_t matmul;
    dnnl_primitive_attr_t attributes;
    const dnnl_memory_desc_t *bias = product->has_bias ? &product->bias_layout : NULL;
    if (dnnl_matmul_desc_init(&matmul, x, weight, bias, y) != dnnl_success ||
        !make_attributes(post, &attributes))
        return false;
    bool ok =
        dnnl_primitive_desc_create(description, &matmul, attributes, engine, NULL) == dnnl_success;
    (void)dnnl_primitive_attr_destroy(attributes);
    return ok;
}

/* The library's reference code answers for what it has no kernel for: hundreds of times slower. */
static bool is_vectorised(const_dnnl_primitive_desc_t description)
{
    const char *name = NULL;
    return dnnl_primitive_desc_query(description, dnnl_query_impl_info_str, 0, (void *)&name) ==
               dnnl_success &&
           name[0] == 'b' && name[1] == 'r' && name[2] == 'g';
}

static bool choose_layout(struct m2c_onednn_product *product)
{
    dnnl_memory_desc_t x;
    dnnl_memory_desc_t y;
    dnnl_memory_desc_t any;
    dnnl_primitive_desc_t description = NULL;
    dnnl_dims_t dims = {(dnnl_dim_t)product->in, (dnnl_dim_t)product->out};
    bool ok =
        describe_matrix(&x, PACKING_ROWS, product->in, product->in, input_type(product->kind)) &&
        describe_matrix(&y, PACKING_ROWS, product->out, product->out, output_type(product->kind)) &&
        dnnl_memory_desc_init_by_tag(&any, 2, dims, weight_type(product->kind),
                                     dnnl_format_tag_any) == dnnl_success &&
        describe_product(product, &any, &x, &y, M2C_ONEDNN_STORE, &description) &&
        is_vectorised(description);
    if (ok)
        product->weight_layout =
            *dnnl_primitive_desc_query_md(description, dnnl_query_weights_md, 0);
    if (description)
        (void)dnnl_primitive_desc_destroy(description);
    return ok;
}

/* Where index i of dimension `axis` lies in a blocked layout: the offset of an element is the sum
 * over its dimensions. offsets: [count]. */
static void axis_offsets(const dnnl_memory_desc_t *layout, int axis, size_t count, size_t *offsets)
{
    const dnnl_blocking_desc_t *blocking = &layout->format_desc.blocking;
    size_t block = 1;
    for (int b = 0; b < blocking->inner_nblks; b++)
        block *= blocking->inner_idxs[b] == axis ? (size_t)blocking->inner_blks[b] : 1;
    for (size_t i = 0; i < count; i++) {
        size_t rest = i % block;
        size_t step = 1;
        offsets[i] = i / block * (size_t)blocking->strides[axis];
        for (int b = blocking->inner_nblks - 1; b >= 0; b--) {
            size_t size = (size_t)blocking->inner_blks[b];
            if (blocking->inner_idxs[b] == axis) {
                offsets[i] += rest % size * step;
                rest /= size;
            }
            step *= size;
        }
    }
}

static void put_weight(enum m2c_onednn_kind kind, void *packed, size_t offset, float value)
{
    switch (kind) {
    case M2C_ONEDNN_F32:
        ((float *)packed)[offset] = value;
        break;
    case M2C_ONEDNN_BF16:
        m2c_kernels_get()->narrow_bf16((uint16_t *)packed + offset, &value, 1);
        break;
    case M2C_ONEDNN_INT8:
        ((int8_t *)packed)[offset] = (int8_t)value;
        break;
    }
}

/* weight [out, in] -> packed. Written here, as the library reorders into its own layouts element by
 * element through its reference code: seconds a layer. */
static bool pack(struct m2c_onednn_product *product, const float *weight)
{
    size_t *offsets = calloc(product->in + product->out, sizeof *offsets);
    size_t *out_offsets = offsets + product->in;
    if (!offsets || product->weight_layout.format_kind != dnnl_blocked) {
        free(offsets);
        return false;
    }
    axis_offsets(&product->weight_layout, 0, product->in, offsets);
    axis_offsets(&product->weight_layout, 1, product->out, out_offsets);
    memset(product->weight, 0, dnnl_memory_desc_get_size(&product->weight_layout));
    for (size_t o = 0; o < product->out; o++) {
        for (size_t i = 0; i < product->in; i++)
            put_weight(product->kind, product->weight, offsets[i] + out_offsets[o],
                       weight[o * product->in + i]);
    }
    free(offsets);
    return true;
}

static bool make_memories(struct m2c_onednn_product *product, const float *bias)
{
    size_t bytes = dnnl_memory_desc_get_size(&product->weight_layout);
    product->weight = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (!product->weight || dnnl_memory_create(&product->weight_memory, &product->weight_layout,
                                               engine, product->weight) != dnnl_success)
        return false;
    void *lent = (void *)(uintptr_t)bias;
    return !product->has_bias || dnnl_memory_create(&product->bias_memory, &product->bias_layout,
                                                    engine, lent) == dnnl_success;
}

bool m2c_onednn_available(enum m2c_onednn_kind kind)
{
    switch (kind) {
    case M2C_ONEDNN_F32:
        return m2c_cpu_level() >= M2C_CPU_AVX2;
    case M2C_ONEDNN_BF16:
        return m2c_cpu_has_bf16();
    case M2C_ONEDNN_INT8:
        return m2c_cpu_has_vnni();
    }
    return false;
}

enum m2c_status m2c_onednn_new(enum m2c_onednn_kind kind, const float *weight, const float *bias,
                               size_t in, size_t out, struct m2c_onednn_product **product_out,
                               struct m2c_error *err)
{
    *product_out = NULL;
    (void)pthread_once(&engine_once, make_engine);
    use_one_thread();
    if (!engine || !m2c_onednn_available(kind))
        return m2c_fail(err, M2C_NOT_IMPLEMENTED, "oneDNN has no such product on this processor");
    struct m2c_onednn_product *product = calloc(1, sizeof *product);
    if (!product)
        return m2c_fail_memory(err, "a oneDNN product", sizeof *product);
    product->kind = kind;
    product->in = in;
    product->out = out;
    product->has_bias = bias != NULL;
    (void)pthread_mutex_init(&product->lock, NULL);
    bool ok = describe_matrix(&product->bias_layout, 1, out, out, dnnl_f32) &&
              choose_layout(product) && make_memories(product, bias) && pack(product, weight);
    if (!ok) {
        m2c_onednn_free(&product);
        return m2c_fail(err, M2C_NOT_IMPLEMENTED, "oneDNN cannot pack a layer of %zu x %zu", out,
                        in);
    }
    *product_out = product;
    return M2C_OK;
}

static void sized_free(struct sized_primitive *sized)
{
    if (sized->primitive)
        (void)dnnl_primitive_destroy(sized->primitive);
    if (sized->description)
        (void)dnnl_primitive_desc_destroy(sized->description);
    free(sized);
}

void m2c_onednn_free(struct m2c_onednn_product **product_pointer)
{
    struct m2c_onednn_product *product = *product_pointer;
    *product_pointer = NULL;
    if (!product)
        return;
    struct sized_primitive *sized = atomic_load(&product->primitives);
    while (sized) {
        struct sized_primitive *next = sized->next;
        sized_free(sized);
        sized = next;
    }
    if (product->weight_memory)
        (void)dnnl_memory_destroy(product->weight_memory);
    if (product->bias_memory)
        (void)dnnl_memory_destroy(product->bias_memory);
    (void)pthread_mutex_destroy(&product->lock);
    free(product->weight);
    free(product);
}

size_t m2c_onednn_bytes(const struct m2c_onednn_product *product)
{
    return dnnl_memory_desc_get_size(&product->weight_layout);
}

size_t m2c_onednn_scratch_bytes(void)
{
    return SCRATCH_BYTES;
}

/* Nothing a caller could answer: the library is out of memory in the middle of a pass. */
static _Noreturn void die(const char *what)
{
    (void)fprintf(stderr, "m2clip: oneDNN failed: %s\n", what);
    abort();
}

static struct sized_primitive *find(const struct m2c_onednn_product *product,
                                    const struct sized_primitive *wanted)
{
    struct sized_primitive *sized =
        atomic_load_explicit(&product->primitives, memory_order_acquire);
    while (sized && !(sized->rows == wanted->rows && sized->ldx == wanted->ldx &&
                      sized->ldy == wanted->ldy && sized->post == wanted->post))
        sized = sized->next;
    return sized;
}

static struct sized_primitive *make_sized(const struct m2c_onednn_product *product,
                                          const struct sized_primitive *wanted)
{
    struct sized_primitive *sized = calloc(1, sizeof *sized);
    if (!sized)
        die("no memory for a primitive");
    *sized = *wanted;
    if (!describe_matrix(&sized->x, sized->rows, product->in, sized->ldx,
                         input_type(product->kind)) ||
        !describe_matrix(&sized->y, sized->rows, product->out, sized->ldy,
                         output_type(product->kind)) ||
        !describe_product(product, &product->weight_layout, &sized->x, &sized->y, sized->post,
                          &sized->description) ||
        dnnl_primitive_create(&sized->primitive, sized->description) != dnnl_success)
        die("no primitive for a packed layer");
    sized->scratch = dnnl_primitive_desc_query_md(sized->description, dnnl_query_scratchpad_md, 0);
    if (dnnl_memory_desc_get_size(sized->scratch) > SCRATCH_BYTES)
        die("a primitive's scratch exceeds what was planned");
    return sized;
}

static const struct sized_primitive *get_sized(struct m2c_onednn_product *product,
                                               const struct sized_primitive *wanted)
{
    struct sized_primitive *sized = find(product, wanted);
    if (sized)
        return sized;
    (void)pthread_mutex_lock(&product->lock);
    sized = find(product, wanted);
    if (!sized) {
        sized = make_sized(product, wanted);
        sized->next = atomic_load(&product->primitives);
        atomic_store_explicit(&product->primitives, sized, memory_order_release);
        (void)atomic_fetch_add(&product->primitive_count, 1);
    }
    (void)pthread_mutex_unlock(&product->lock);
    return sized;
}

/* How many of `rows` one call takes: all, until so many sizes are known that the rest makes do with
 * powers of two. */
static size_t piece_rows(const struct m2c_onednn_product *product,
                         const struct sized_primitive *wanted)
{
    if (find(product, wanted) || atomic_load(&product->primitive_count) < MAX_EXACT_PRIMITIVES)
        return wanted->rows;
    size_t piece = 1;
    while (piece <= wanted->rows / 2 && piece < PACKING_ROWS)
        piece *= 2;
    return piece;
}

static void execute(const struct m2c_onednn_product *product, const struct sized_primitive *sized,
                    void *x, void *y, void *scratch)
{
    dnnl_memory_t x_memory = NULL;
    dnnl_memory_t y_memory = NULL;
    dnnl_memory_t scratch_memory = NULL;
    if (dnnl_memory_create(&x_memory, &sized->x, engine, x) != dnnl_success ||
        dnnl_memory_create(&y_memory, &sized->y, engine, y) != dnnl_success ||
        dnnl_memory_create(&scratch_memory, sized->scratch, engine, scratch) != dnnl_success)
        die("no memory for a product");
    dnnl_exec_arg_t arguments[] = {{DNNL_ARG_SRC, x_memory},
                                   {DNNL_ARG_WEIGHTS, product->weight_memory},
                                   {DNNL_ARG_DST, y_memory},
                                   {DNNL_ARG_SCRATCHPAD, scratch_memory},
                                   {DNNL_ARG_BIAS, product->bias_memory}};
    if (dnnl_primitive_execute(sized->primitive, stream, product->has_bias ? 5 : 4, arguments) !=
        dnnl_success)
        die("a product was refused");
    (void)dnnl_memory_destroy(x_memory);
    (void)dnnl_memory_destroy(y_memory);
    (void)dnnl_memory_destroy(scratch_memory);
}

static size_t element_bytes(dnnl_data_type_t type)
{
    return type == dnnl_bf16 ? 2 : type == dnnl_u8 ? 1 : 4;
}

void m2c_onednn_multiply(const struct m2c_onednn_product *product, size_t rows, const void *x,
                         size_t ldx, void *y, size_t ldy, enum m2c_onednn_post post, void *scratch)
{
    /* The list of primitives grows under its own lock; everything else stays as packed. */
    struct m2c_onednn_product *shared = (struct m2c_onednn_product *)(uintptr_t)product;
    unsigned char *input = (unsigned char *)(uintptr_t)x;
    unsigned char *output = y;
    use_one_thread();
    while (rows > 0) {
        struct sized_primitive wanted = {.rows = rows, .ldx = ldx, .ldy = ldy, .post = post};
        wanted.rows = piece_rows(product, &wanted);
        execute(product, get_sized(shared, &wanted), input, output, scratch);
        input += wanted.rows * ldx * element_bytes(input_type(product->kind));
        output += wanted.rows * ldy * element_bytes(output_type(product->kind));
        rows -= wanted.rows;
    }
}
