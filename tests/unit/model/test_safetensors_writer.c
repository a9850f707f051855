#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above. */
#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/safetensors_writer.h"
#include "model/whole_file.h"
#include "scratch_folder.h"

static struct scratch scratch;
static struct m2c_error err;

static int setup(void **state)
{
    (void)state;
    scratch_make(&scratch);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    scratch_remove(&scratch);
    return 0;
}

static size_t files_in_folder(void)
{
    size_t count = 0;
    DIR *dir = opendir(scratch.dir);
    assert_non_null(dir);
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir))
        count += entry->d_name[0] != '.';
    (void)closedir(dir);
    return count;
}

static struct m2c_safetensors_writer *start(const char *name)
{
    struct m2c_safetensors_writer *writer = NULL;
    assert_int_equal(m2c_safetensors_writer_new(scratch_path(&scratch, name), &writer, &err),
                     M2C_OK);
    return writer;
}

static void what_is_written_is_read_back(void **state)
{
    (void)state;
    struct m2c_safetensors_writer *writer = start("x.safetensors");
    const size_t matrix[2] = {2, 3}, empty[1] = {0};
    const float values[6] = {1, 2, 3, 4, 5, 6};
    const int32_t number = -7;
    assert_int_equal(m2c_safetensors_writer_metadata(writer, "made by", "a \"test\"", &err),
                     M2C_OK);
    assert_int_equal(
        m2c_safetensors_writer_declare(writer, "m\xc3\xa4", M2C_DTYPE_F32, 2, matrix, &err),
        M2C_OK);
    assert_int_equal(m2c_safetensors_writer_declare(writer, "none", M2C_DTYPE_F16, 1, empty, &err),
                     M2C_OK);
    assert_int_equal(m2c_safetensors_writer_declare(writer, "n", M2C_DTYPE_I32, 0, NULL, &err),
                     M2C_OK);
    assert_int_equal(m2c_safetensors_writer_write(writer, values, 10, &err), M2C_OK);
    assert_int_equal(
        m2c_safetensors_writer_write(writer, (const char *)values + 10, sizeof values - 10, &err),
        M2C_OK);
    assert_int_equal(m2c_safetensors_writer_write(writer, &number, sizeof number, &err), M2C_OK);
    assert_int_equal(m2c_safetensors_writer_finish(writer, &err), M2C_OK);
    m2c_safetensors_writer_free(&writer);
    assert_null(writer);
    assert_int_equal(files_in_folder(), 1);

    struct m2c_safetensors *file = NULL;
    size_t size;
    assert_int_equal(m2c_safetensors_open(scratch_path(&scratch, "x.safetensors"), &file, &err),
                     M2C_OK);
    assert_int_equal(m2c_safetensors_count(file), 3);
    const struct m2c_tensor *tensor = m2c_safetensors_find(file, "m\xc3\xa4");
    assert_memory_equal(tensor->data, values, sizeof values);
    assert_int_equal(tensor->shape[1], 3);
    const unsigned char *begin = m2c_safetensors_bytes(file, &size);
    assert_int_equal(((const unsigned char *)tensor->data - begin) % 8, 0);
    assert_memory_equal(m2c_safetensors_find(file, "n")->data, &number, sizeof number);
    assert_int_equal(m2c_safetensors_find(file, "none")->elements, 0);
    assert_string_equal(m2c_safetensors_metadata(file, "made by"), "a \"test\"");
    m2c_safetensors_free(&file);
}

static void a_file_without_tensors_is_whole_too(void **state)
{
    (void)state;
    struct m2c_safetensors_writer *writer = start("x.safetensors");
    assert_int_equal(m2c_safetensors_writer_finish(writer, &err), M2C_OK);
    m2c_safetensors_writer_free(&writer);
    struct m2c_safetensors *file = NULL;
    assert_int_equal(m2c_safetensors_open(scratch_path(&scratch, "x.safetensors"), &file, &err),
                     M2C_OK);
    m2c_safetensors_free(&file);
}

static void what_is_abandoned_leaves_the_old_file(void **state)
{
    (void)state;
    scratch_put_text(&scratch, "x.safetensors", "old");
    const size_t shape[1] = {2};
    const float values[2] = {1, 2};
    struct m2c_safetensors_writer *writer = start("x.safetensors");
    assert_int_equal(m2c_safetensors_writer_declare(writer, "a", M2C_DTYPE_F32, 1, shape, &err),
                     M2C_OK);
    assert_int_equal(m2c_safetensors_writer_write(writer, values, 4, &err), M2C_OK);
    m2c_safetensors_writer_free(&writer);
    size_t size;
    char *bytes = scratch_read(scratch_path(&scratch, "x.safetensors"), &size);
    assert_string_equal(bytes, "old");
    free(bytes);
    assert_int_equal(files_in_folder(), 1);
}

static void bad_declarations_are_refused(void **state)
{
    (void)state;
    const size_t one[1] = {1}, large[2] = {SIZE_MAX / 2, 4}, odd[1] = {3};
    struct m2c_safetensors_writer *writer = start("x.safetensors");
    assert_int_equal(m2c_safetensors_writer_declare(writer, "a", M2C_DTYPE_F32, 1, one, &err),
                     M2C_OK);
    assert_int_equal(m2c_safetensors_writer_declare(writer, "a", M2C_DTYPE_F32, 1, one, &err),
                     M2C_INVALID_REQUEST);
    assert_int_equal(
        m2c_safetensors_writer_declare(writer, "__metadata__", M2C_DTYPE_F32, 1, one, &err),
        M2C_INVALID_REQUEST);
    assert_int_equal(m2c_safetensors_writer_declare(writer, "\xff", M2C_DTYPE_F32, 1, one, &err),
                     M2C_INVALID_REQUEST);
    assert_int_equal(m2c_safetensors_writer_declare(writer, "b", M2C_DTYPE_F32, 2, large, &err),
                     M2C_INVALID_REQUEST);
    assert_int_equal(m2c_safetensors_writer_declare(writer, "b", M2C_DTYPE_F4, 1, odd, &err),
                     M2C_INVALID_REQUEST);
    m2c_safetensors_writer_free(&writer);
    assert_int_equal(files_in_folder(), 0);
}

static void a_device_or_folder_is_never_replaced(void **state)
{
    (void)state;
    struct m2c_whole_file file;
    assert_int_equal(m2c_whole_file_open("/dev/null", &file, &err), M2C_IO_FAILED);
    m2c_whole_file_abandon(&file);
    scratch_subfolder(&scratch, "sub");
    assert_int_equal(m2c_whole_file_put(scratch_path(&scratch, "sub"), "x", 1, &err),
                     M2C_IO_FAILED);
    assert_int_equal(m2c_whole_file_put(scratch_path(&scratch, "none/x"), "x", 1, &err),
                     M2C_IO_FAILED);
    assert_int_equal(m2c_whole_file_put(scratch_path(&scratch, "sub/x"), "abc", 3, &err), M2C_OK);
    assert_int_equal(m2c_whole_file_put(scratch_path(&scratch, "sub/x"), "z", 1, &err), M2C_OK);
    size_t size;
    char *bytes = scratch_read(scratch_path(&scratch, "sub/x"), &size);
    assert_string_equal(bytes, "z");
    free(bytes);
}

static void a_full_disk_is_told(void **state)
{
    (void)state;
    /* A stream on /dev/full stands for the temporary file. */
    struct m2c_whole_file file = {0};
    file.path = strdup(scratch_path(&scratch, "x"));
    file.temporary = strdup(scratch_path(&scratch, "x.tmp"));
    file.stream = fopen("/dev/full", "wb");
    assert_non_null(file.stream);
    assert_int_equal(m2c_whole_file_write(&file, "abc", 3, &err), M2C_OK); /* in the buffer */
    assert_int_equal(m2c_whole_file_finish(&file, &err), M2C_IO_FAILED);
    assert_null(file.stream);
    m2c_whole_file_abandon(&file);
    assert_int_equal(files_in_folder(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_written_is_read_back, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_without_tensors_is_whole_too, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_abandoned_leaves_the_old_file, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_declarations_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_device_or_folder_is_never_replaced, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_disk_is_told, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
