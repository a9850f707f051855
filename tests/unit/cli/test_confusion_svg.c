#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/confusion_svg.h"

static struct m2c_error err;
static const char *const names[] = {"run & jump", "a, \"b\"", "<c>"};

static char *draw(size_t classes, const char *const *labels, int as_csv)
{
    struct cli_evaluation evaluation;
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    assert_non_null(stream);
    assert_int_equal(cli_evaluation_init(&evaluation, classes, &err), M2C_OK);
    cli_evaluation_add(&evaluation, 0, 0, 0);
    cli_evaluation_add(&evaluation, 0, 1, 1);
    cli_evaluation_add(&evaluation, 2, 0, 1);
    if (as_csv)
        cli_confusion_csv(stream, &evaluation, labels);
    else
        cli_confusion_svg(stream, &evaluation, labels, "VC <test>");
    (void)fclose(stream);
    cli_evaluation_destroy(&evaluation);
    return text;
}

static size_t count_of(const char *text, const char *word)
{
    size_t count = 0;
    for (; (text = strstr(text, word)) != NULL; text += strlen(word))
        count++;
    return count;
}

static void the_table_has_a_row_a_class(void **state)
{
    (void)state;
    char *text = draw(3, names, 1);
    assert_string_equal(text, "truth,run & jump,\"a, \"\"b\"\"\",<c>\nrun & jump,1,1,0\n"
                              "\"a, \"\"b\"\"\",0,0,0\n<c>,1,0,0\n");
    free(text);
}

static void the_picture_has_a_cell_a_pair_that_happened(void **state)
{
    (void)state;
    char *text = draw(3, names, 0);
    assert_int_equal(count_of(text, "fill-opacity"), 3);
    assert_non_null(strstr(text, "run &amp; jump as a, \"b\": 1 of 2"));
    assert_non_null(strstr(text, "&lt;c&gt; as run &amp; jump: 1 of 1"));
    assert_null(strstr(text, "<c>"));
    assert_non_null(strstr(text, "VC &lt;test&gt;"));
    free(text);
}

static void many_classes_stand_without_names(void **state)
{
    enum { MANY = 400 };
    const char *many[MANY];
    (void)state;
    for (size_t i = 0; i < MANY; i++)
        many[i] = "x";
    char *text = draw(MANY, many, 0);
    assert_int_equal(count_of(text, "rotate"), 0);
    assert_int_equal(count_of(text, "fill-opacity"), 3);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_has_a_row_a_class),
        cmocka_unit_test(the_picture_has_a_cell_a_pair_that_happened),
        cmocka_unit_test(many_classes_stand_without_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
