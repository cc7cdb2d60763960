/* Configuration: which source wins, what is refused, and that the committed example is current. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/conf.h"

static xai_arena *strings;
static conf values;
static conf_action action;
static xai_error err;
static char file[64];

static void setup(void)
{
    strings = xai_arena_new(0);
    snprintf(file, sizeof file, "/tmp/test_conf_%d.json", (int)getpid());
}

static void teardown(void)
{
    unlink(file);
    xai_arena_free(strings);
}

static void write_file(const char *text)
{
    FILE *out = fopen(file, "w");
    ck_assert_ptr_nonnull(out);
    fputs(text, out);
    fclose(out);
}

/* `flags` and `environment` end with NULL. */
static xai_status load(char **flags, char **environment)
{
    int argc = 0;
    char *argv[16] = {"explaind"};
    while (flags[argc]) {
        argv[argc + 1] = flags[argc];
        argc++;
    }
    return conf_load(argc + 1, argv, environment, strings, &values, &action, &err);
}

#define FLAGS(...) ((char *[]){__VA_ARGS__, NULL})
#define NONE ((char *[]){NULL})

static void refused(xai_status status, xai_status expected, const char *says)
{
    ck_assert_int_eq(status, expected);
    ck_assert_msg(strstr(err.msg, says), "\"%s\" does not say \"%s\"", err.msg, says);
}

START_TEST(defaults_are_those_of_the_list)
{
    conf defaults;
    conf_default(&defaults);
    ck_assert_int_eq(load(NONE, NONE), XAI_OK);
    ck_assert_int_eq(action, CONF_SERVE);
    ck_assert_int_eq(values.port, 8080);
    ck_assert_int_eq(values.retention_s, 3600);
    ck_assert_str_eq(values.listen, defaults.listen);
    ck_assert_str_eq(values.listen, "127.0.0.1");
}
END_TEST

START_TEST(flags_beat_environment_beats_file)
{
    write_file("{\"port\":1,\"workers\":2,\"queue_length\":3,\"access_log\":true}");
    char **environment = FLAGS("EXPLAIND_WORKERS=5", "EXPLAIND_QUEUE_LENGTH=6", "PATH=/bin");
    ck_assert_int_eq(load(FLAGS("--queue-length", "9", "--config", file), environment), XAI_OK);
    ck_assert_int_eq(values.port, 1);
    ck_assert_int_eq(values.workers, 5);
    ck_assert_int_eq(values.queue_length, 9);
    ck_assert(values.access_log);
}
END_TEST

START_TEST(flags_in_both_spellings)
{
    ck_assert_int_eq(load(FLAGS("--port=7", "--access-log", "--store", "x.db", "--print-config"), NONE), XAI_OK);
    ck_assert_int_eq(values.port, 7);
    ck_assert(values.access_log);
    ck_assert_str_eq(values.store, "x.db");
    ck_assert_int_eq(action, CONF_PRINT_CONFIG);
}
END_TEST

START_TEST(unknown_keys_name_the_nearest)
{
    refused(load(FLAGS("--prt", "1"), NONE), XAI_E_USAGE, "--port");
    refused(load(NONE, FLAGS("EXPLAIND_WORKER=1")), XAI_E_BAD_CONFIG, "\"workers\"");
    write_file("{\"retention\":1}");
    refused(load(FLAGS("--config", file), NONE), XAI_E_BAD_CONFIG, "\"retention_s\"");
}
END_TEST

START_TEST(bad_values_name_their_source)
{
    refused(load(FLAGS("--port", "65536"), NONE), XAI_E_USAGE, "--port: must be a whole number from 0 to 65535");
    refused(load(FLAGS("--port"), NONE), XAI_E_USAGE, "needs a value");
    refused(load(FLAGS("serve"), NONE), XAI_E_USAGE, "unexpected argument");
    refused(load(NONE, FLAGS("EXPLAIND_WORKERS=many")), XAI_E_BAD_CONFIG, "EXPLAIND_WORKERS");
    write_file("{\"port\":true}");
    refused(load(FLAGS("--config", file), NONE), XAI_E_BAD_CONFIG, ": port: must be");
    write_file("{\"port\":1,\"port\":2}");
    refused(load(FLAGS("--config", file), NONE), XAI_E_BAD_CONFIG, "duplicate");
    write_file("{\"port\":null}");
    refused(load(FLAGS("--config", file), NONE), XAI_E_BAD_CONFIG, "port");
    refused(load(FLAGS("--config", "/nonexistent"), NONE), XAI_E_BAD_CONFIG, "cannot open");
}
END_TEST

START_TEST(contradictions_are_refused)
{
    refused(load(FLAGS("--tls-cert", "a.pem"), NONE), XAI_E_BAD_CONFIG, "tls_key");
    refused(load(FLAGS("--wait-ms", "90000"), NONE), XAI_E_BAD_CONFIG, "wait_ms_max");
    refused(load(FLAGS("--model", "", "--model-dir", ""), NONE), XAI_E_BAD_CONFIG, "no model");
}
END_TEST

START_TEST(variables_of_kubernetes_are_not_ours)
{
    char **environment = FLAGS("EXPLAIND_PORT=tcp://10.0.0.1:80", "EXPLAIND_SERVICE_HOST=10.0.0.1",
                               "EXPLAIND_PORT_80_TCP=tcp://10.0.0.1:80");
    ck_assert_int_eq(load(NONE, environment), XAI_OK);
    ck_assert_int_eq(values.port, 8080);
}
END_TEST

START_TEST(the_committed_example_is_what_the_program_prints)
{
    static char committed[1 << 16];
    FILE *in = fopen("config.example.json", "r");
    ck_assert_ptr_nonnull(in);
    committed[fread(committed, 1, sizeof committed - 1, in)] = '\0';
    fclose(in);
    conf defaults;
    conf_default(&defaults);
    char *printed = conf_print(&defaults);
    ck_assert_uint_eq(strlen(committed), strlen(printed) + 1);
    ck_assert_mem_eq(committed, printed, strlen(printed));
    ck_assert_int_eq(load(FLAGS("--config", "config.example.json"), NONE), XAI_OK);
    free(printed);
}
END_TEST

START_TEST(help_shows_every_flag)
{
    char *help = conf_help();
    ck_assert(strstr(help, "--queue-length"));
    ck_assert(strstr(help, "[8080]"));
    free(help);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("conf");
    TCase *tc = tcase_create("conf");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, defaults_are_those_of_the_list);
    tcase_add_test(tc, flags_beat_environment_beats_file);
    tcase_add_test(tc, flags_in_both_spellings);
    tcase_add_test(tc, unknown_keys_name_the_nearest);
    tcase_add_test(tc, bad_values_name_their_source);
    tcase_add_test(tc, contradictions_are_refused);
    tcase_add_test(tc, variables_of_kubernetes_are_not_ours);
    tcase_add_test(tc, the_committed_example_is_what_the_program_prints);
    tcase_add_test(tc, help_shows_every_flag);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
