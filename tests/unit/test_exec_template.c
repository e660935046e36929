/* The command of `rankpool exec`: replacement strings mean what GNU parallel means by them, and a shell gives back every
 * value exactly, wherever in its text a replacement string stands. */
#include "exec/template.h"
#include "random.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* The filled template of these words; `packed`: on its way through bytes, as to a worker. */
static struct exec_command fill(const char *const *words, size_t count, const char *const *value, size_t values) {
    struct exec_template *template = NULL, *there = NULL;
    struct exec_bytes bytes = {0};
    struct exec_command command = {0};
    rp_error error = {0};
    size_t used = 0;
    CU_ASSERT_EQUAL_FATAL(exec_template_parse(&template, words, count, &(struct exec_style){0}, &error), 0);
    exec_bytes_text(&bytes, "before");
    CU_ASSERT_EQUAL_FATAL(exec_template_pack(template, &bytes), 0);
    size_t size = bytes.size - strlen("before");
    exec_bytes_text(&bytes, "after");
    CU_ASSERT_EQUAL_FATAL(exec_template_unpack(&there, bytes.data + strlen("before"), size + strlen("after"), &used),
                          0);
    CU_ASSERT_EQUAL(used, size);
    struct exec_values filling = {.seq = 7, .slot = 3, .count = values, .value = value};
    CU_ASSERT_EQUAL_FATAL(exec_template_fill(there, &filling, &command), 0);
    exec_bytes_free(&bytes);
    exec_template_free(template);
    exec_template_free(there);
    return command;
}

/* What the command writes, ended by 0; the caller's to free. */
static char *output_of(const struct exec_command *command) {
    int pipes[2], status = -1;
    CU_ASSERT_EQUAL_FATAL(pipe(pipes), 0);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(pipes[1], STDOUT_FILENO);
        close(pipes[0]);
        close(pipes[1]);
        execvp(command->argv[0], command->argv);
        _exit(127);
    }
    close(pipes[1]);
    struct exec_bytes out = {0};
    char data[4096];
    for (ssize_t got; (got = read(pipes[0], data, sizeof data)) > 0;) exec_bytes_add(&out, data, (size_t)got);
    close(pipes[0]);
    waitpid(pid, &status, 0);
    CU_ASSERT_EQUAL(status, 0);
    exec_bytes_add(&out, "", 1);
    return out.data;
}

static void check_text(const char *word, const char *const *value, size_t values, const char *expected) {
    struct exec_command command = fill((const char *const[]){"echo", word}, 2, value, values);
    CU_ASSERT_STRING_EQUAL(command.text, expected);
    if (strcmp(command.text, expected)) printf("\n    %s: %s, not %s\n", word, command.text, expected);
    exec_command_free(&command);
}

/* GNU parallel 20221122 printed each of these. */
static void replacement_strings_cut_names_as_gnu_parallel_does(void) {
    static const struct {
        const char *value, *no_ending, *base, *folder, *base_no_ending;
    } names[] = {
        {"a/b.c", "a/b", "b.c", "a", "b"},     {".bashrc", "''", ".bashrc", ".", "''"},
        {"a/.b", "a/", ".b", "a", "''"},       {"a.", "a", "a.", ".", "a"},
        {"a.b.c", "a.b", "a.b.c", ".", "a.b"}, {"a.b/c", "a.b/c", "c", "a.b", "c"},
        {"", "''", "''", ".", "''"},           {"/", "/", "''", "/", "''"},
        {"a/b/", "a/b/", "''", "a", "''"},     {"a/b.c/", "a/b.c/", "''", "a", "''"},
        {"/b", "/b", "b", "/", "b"},           {"a//b", "a//b", "b", "a", "b"},
        {"//", "//", "''", "/", "''"},         {"a b.c", "'a b'", "'a b.c'", ".", "'a b'"},
    };
    for (size_t i = 0; i < COUNT(names); i++) {
        const char *const views[] = {"{.}", "{/}", "{//}", "{/.}", "{1.}", "{1/}", "{-1//}", "{1/.}"};
        const char *const expected[] = {names[i].no_ending, names[i].base, names[i].folder, names[i].base_no_ending};
        for (size_t k = 0; k < COUNT(views); k++) {
            char text[64];
            snprintf(text, sizeof text, "echo %s", expected[k % 4]);
            check_text(views[k], (const char *const[]){names[i].value}, 1, text);
        }
    }
}

static void positions_name_one_of_several_inputs(void) {
    static const char *const value[] = {"one", "two", "three four"};
    static const struct {
        const char *word, *text;
    } cases[] = {
        {"{2}", "echo two"},
        {"{-1}", "echo 'three four'"},
        {"{-3}", "echo one"},
        {"{}", "echo one two 'three four'"},
        {"x{}y", "echo xone two 'three four'y"},
        {"{4}", "echo"},
        {"{-4}", "echo"},
        {"a{4}", "echo a"},
        {"{#}-{%}", "echo 7-3"},
        {"none", "echo none one two 'three four'"},
        {"{1x}{+}{}", "echo '{1x}{+}'one two 'three four'"},
        {"", "echo '' one two 'three four'"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) check_text(cases[i].word, value, 3, cases[i].text);
}

static void a_command_whose_value_is_missing_is_an_empty_word(void) {
    static const char *const value[] = {"one"};
    struct exec_command command = fill((const char *const[]){"{2}"}, 1, value, 1);
    CU_ASSERT_EQUAL(command.argc, 1);
    CU_ASSERT(command.argv[0] && !*command.argv[0]);
    exec_command_free(&command);
}

static void words_are_quoted_as_gnu_parallel_writes_them(void) {
    static const struct {
        const char *value, *text;
    } cases[] = {
        {"a b", "'a b'"},
        {"it's", "'it'\"'\"'s'"},
        {"", "''"},
        {"$x", "'$x'"},
        {"-n", "-n"},
        {"'", "\"'\""},
        {"''", "\"'\"''\"'\""},
        {"~", "'~'"},
        {"a=b", "'a=b'"},
        {"'a", "\"'\"'a'"},
        {"a'", "'a'\"'\""},
        {"a\nb", "'a\nb'"},
        {"\xc3\xbc", "'\xc3\xbc'"},
        {"a-b_c.d+e/f9", "a-b_c.d+e/f9"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct exec_bytes bytes = {0};
        exec_bytes_quoted(&bytes, cases[i].value, strlen(cases[i].value));
        exec_bytes_add(&bytes, "", 1);
        CU_ASSERT_STRING_EQUAL(bytes.data, cases[i].text);
        exec_bytes_free(&bytes);
    }
}

static void one_plain_word_or_several_start_the_program_itself(void) {
    static const struct {
        const char *words[3];
        size_t count;
        bool shell;
    } cases[] = {
        {{"gzip"}, 1, false}, {{"./sim-{#}"}, 1, false}, {{"echo", "a b", "$x"}, 3, false},
        {{"{}"}, 1, false},   {{"echo {}"}, 1, true},    {{"gzip;"}, 1, true},
        {{"a=b"}, 1, true},   {{"a|b"}, 1, true},        {{"\xc3\xbc"}, 1, false},
        {{"[x]"}, 1, true},   {{NULL}, 0, true},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct exec_command command = fill(cases[i].words, cases[i].count, (const char *const[]){"v"}, 1);
        CU_ASSERT_EQUAL(command.shell, cases[i].shell);
        CU_ASSERT_EQUAL(strcmp(command.argv[0], "/bin/sh") == 0, cases[i].shell);
        CU_ASSERT_PTR_NULL(command.argv[command.argc]);
        exec_command_free(&command);
    }
}

static void a_command_is_known_by_its_program_where_that_is_one(void) {
    static const struct {
        const char *words[2];
        const char *program;
    } cases[] = {{{"gzip", "{}"}, "gzip"}, {{"{}", "x"}, NULL}, {{"a{}", "x"}, NULL}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct exec_template *template = NULL;
        CU_ASSERT_EQUAL_FATAL(exec_template_parse(&template, cases[i].words, 2, &(struct exec_style){0}, NULL), 0);
        const char *program = exec_template_program(template);
        CU_ASSERT_EQUAL(program != NULL, cases[i].program != NULL);
        if (program && cases[i].program) CU_ASSERT_STRING_EQUAL(program, cases[i].program);
        exec_template_free(template);
    }
}

static void a_template_that_cannot_be_is_refused_in_words(void) {
    struct exec_template *template = NULL;
    rp_error error = {0};
    CU_ASSERT_EQUAL(exec_template_parse(&template, (const char *const[]){"echo", "{= s/a/b/ =}"}, 2,
                                        &(struct exec_style){0}, &error),
                    RP_EUSAGE);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "Perl"));
    /* For a shell the words are one. */
    CU_ASSERT_EQUAL(exec_template_parse(&template, (const char *const[]){"echo", "{=", "s/a/b/", "=}"}, 4,
                                        &(struct exec_style){.shell = true}, &error),
                    RP_EUSAGE);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "Perl"));
    CU_ASSERT_EQUAL(exec_template_parse(&template, (const char *const[]){""}, 1, &(struct exec_style){0}, &error),
                    RP_EUSAGE);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "expected a program"));
    CU_ASSERT_PTR_NULL(template);
}

static void a_style_travels_with_its_template(void) {
    const struct exec_style style = {.text = true, .plus = true, .mark = ",,", .names = "x\0xy", .names_size = 5};
    const char *const values[] = {"a b/c.d.e", "f"};
    struct exec_template *template = NULL, *there = NULL;
    struct exec_bytes bytes = {0}, tag = {0};
    size_t used;
    CU_ASSERT_EQUAL_FATAL(
        exec_template_parse(&template, (const char *const[]){"{} ,, {x/..}{xy.} {1+..}{#}"}, 1, &style, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(exec_template_pack(template, &bytes), 0);
    CU_ASSERT_EQUAL_FATAL(exec_template_unpack(&there, bytes.data, bytes.size, &used), 0);
    CU_ASSERT_EQUAL(used, bytes.size);
    exec_template_tag(there, &(struct exec_values){.seq = 7, .count = 2, .value = values}, &tag);
    exec_bytes_add(&tag, "", 1);
    CU_ASSERT_STRING_EQUAL(tag.data, "{} a b/c.d.e f cf d.e7\t");
    exec_template_free(template);
    exec_template_free(there);
    exec_bytes_free(&bytes);
    exec_bytes_free(&tag);
}

static void bytes_that_are_no_template_are_refused(void) {
    const struct exec_style style = {.mark = ",,", .names = "x", .names_size = 2};
    struct exec_template *template = NULL;
    struct exec_bytes bytes = {0};
    size_t used;
    CU_ASSERT_EQUAL_FATAL(exec_template_parse(&template, (const char *const[]){"echo", ",,"}, 2, &style, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(exec_template_pack(template, &bytes), 0);
    exec_template_free(template);
    for (size_t size = 0; size < bytes.size; size++)
        CU_ASSERT_EQUAL(exec_template_unpack(&template, bytes.data, size, &used), RP_EPROTOCOL);
    bytes.data[bytes.size - 1] = 'x';
    CU_ASSERT_EQUAL(exec_template_unpack(&template, bytes.data, bytes.size, &used), RP_EPROTOCOL);
    exec_bytes_free(&bytes);
}

static const char *const nasty[] = {
    "; echo gone",
    "$(echo gone)",
    "`echo gone`",
    "' ; echo gone; '",
    "\" ; echo gone; \"",
    "a\nb",
    "-n",
    "--",
    "",
    "*",
    "~",
    "\\",
    "\\'",
    "$_1",
    "${x?}",
    "#",
    "a b  c",
    "\xc3\xbc\xff\x81",
    "\t",
    "&",
    "| cat",
    ">x",
    "{}",
    "%s",
    "!!",
    "(",
    ")",
    "if",
    "a[$(echo gone >&2)]",
};

static void check_output(const struct exec_command *command, const char *expected) {
    char *out = output_of(command);
    CU_ASSERT_STRING_EQUAL(out, expected);
    if (strcmp(out, expected)) printf("\n    %s gave \"%s\", not \"%s\"\n", command->text, out, expected);
    free(out);
}

/* What people are shown does the same, but for quotes inside ${ }, where shells differ. */
static void check_shell(const char *script, const char *value, const char *expected) {
    struct exec_command command = fill(&script, 1, &value, 1);
    CU_ASSERT_TRUE(command.shell);
    check_output(&command, expected);
    char *argv[] = {(char[]){"/bin/sh"}, (char[]){"-c"}, command.text, NULL};
    struct exec_command shown = {.argv = argv, .argc = 3, .text = command.text};
    if (!strstr(script, "${")) check_output(&shown, expected);
    exec_command_free(&command);
}

static void a_shell_gives_back_every_value_wherever_it_stands(void) {
    static const char *const scripts[] = {
        "printf %s {}",
        "printf %s \"{}\"",
        "printf %s '{}'",
        "printf %s \"\"{}''",
        "printf %s \"$(printf %s {})\"",
        "printf %s \"$(printf %s \"{}\")\"",
        "printf %s \"${none:-\"{}\"}\"",
        "(printf %s {})",
        "x={}; printf %s \"$x\"",
        "set -- {}; printf %s \"$1\"",
        "# it's \"not ` (\n printf %s {}",
        "printf %s \"$((1+1))\" >/dev/null; printf %s \\{}",
        "echo '(' \\\" $(echo \")\") >/dev/null; printf %s \"{}\"",
        "sh -c 'printf %s \"$1\"' sh {}",
        "printf '%s' \"a${none}\"'$x'\"`echo x`\" >/dev/null; printf %s {}",
    };
    for (size_t i = 0; i < COUNT(scripts); i++)
        for (size_t k = 0; k < COUNT(nasty); k++) check_shell(scripts[i], nasty[k], nasty[k]);
}

static void numbers_can_be_computed_with(void) {
    check_shell("printf %s $(({}+1))", "41", "42");
    check_shell("printf %s \"$((2*({}+1)))\"", "20", "42");
}

static void no_value_is_computed_that_is_no_number(void) {
    struct exec_command command =
        fill((const char *const[]){"echo $(({}+1)) || echo no"}, 1, (const char *const[]){"a[$(echo gone >&2)]"}, 1);
    CU_ASSERT_PTR_NULL(strstr(command.argv[2], "gone"));
    exec_command_free(&command);
}

static void a_value_of_100_kb_is_handed_on_whole(void) {
    enum { SIZE = 100000 };
    char *value = malloc(SIZE + 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(value);
    for (size_t i = 0; i < SIZE; i++) value[i] = "'x$\n"[i % 4];
    value[SIZE - 1] = 'x';
    value[SIZE] = 0;
    struct exec_command command = fill((const char *const[]){"printf %s \"{}\""}, 1, (const char *const[]){value}, 1);
    char *out = output_of(&command);
    CU_ASSERT_STRING_EQUAL(out, value);
    free(out);
    free(value);
    exec_command_free(&command);
}

static void without_a_command_the_values_are_it(void) {
    struct exec_command command = fill(NULL, 0, (const char *const[]){"echo", "a  b; echo c"}, 2);
    CU_ASSERT_STRING_EQUAL(command.text, "echo a  b; echo c");
    char *out = output_of(&command);
    CU_ASSERT_STRING_EQUAL(out, "a b\nc\n");
    free(out);
    exec_command_free(&command);
    command = fill(NULL, 0, (const char *const[]){"-n || echo ok"}, 1);
    CU_ASSERT_STRING_EQUAL(command.argv[2], " -n || echo ok");
    exec_command_free(&command);
}

/* A script of random pieces around the values, which printf gives back one after the other. */
static bool random_scripts_give_back_random_values(uint64_t seed) {
    static const char *const places[][2] = {{" {}", ""},         {" \"{}\"", ""},         {" '{}'", ""},
                                            {" \"a'\"{}", "a'"}, {" x\"{}\"'y'", "x\2y"}, {" \"$(printf %s {})\"", ""}};
    static const char letters[] = "ab'\"$`\\;|&<>(){}[]*?~#! \t\n=%-/.,:^@\x81\xff";
    struct exec_bytes script = {0}, expected = {0};
    char value[24];
    size_t size = random_below(&seed, sizeof value - 1);
    for (size_t i = 0; i < size; i++) value[i] = letters[random_below(&seed, sizeof letters - 1)];
    while (size && value[size - 1] == '\n') size--; /* which $( ) takes away */
    value[size] = 0;
    exec_bytes_text(&script, "printf '%s|'");
    for (uint64_t i = random_between(&seed, 1, 6); i > 0; i--) {
        const char *const *place = places[random_below(&seed, COUNT(places))];
        const char *cut = strchr(place[1], 2);
        exec_bytes_text(&script, place[0]);
        exec_bytes_add(&expected, place[1], cut ? (size_t)(cut - place[1]) : strlen(place[1]));
        exec_bytes_text(&expected, value);
        exec_bytes_text(&expected, cut ? cut + 1 : "");
        exec_bytes_text(&expected, "|");
    }
    exec_bytes_add(&script, "", 1);
    exec_bytes_add(&expected, "", 1);
    struct exec_command command = fill((const char *const[]){script.data}, 1, (const char *const[]){value}, 1);
    char *out = output_of(&command);
    bool same = !strcmp(out, expected.data);
    if (!same) printf("\n    %s with \"%s\" gave \"%s\"\n", script.data, value, out);
    free(out);
    exec_command_free(&command);
    exec_bytes_free(&script);
    exec_bytes_free(&expected);
    return same;
}

static void every_random_script_gives_back_its_values(void) { run_seeds(800, random_scripts_give_back_random_values); }

int main(void) {
    static const struct unit_test tests[] = {
        UNIT(replacement_strings_cut_names_as_gnu_parallel_does),
        UNIT(positions_name_one_of_several_inputs),
        UNIT(a_command_whose_value_is_missing_is_an_empty_word),
        UNIT(words_are_quoted_as_gnu_parallel_writes_them),
        UNIT(one_plain_word_or_several_start_the_program_itself),
        UNIT(a_command_is_known_by_its_program_where_that_is_one),
        UNIT(a_template_that_cannot_be_is_refused_in_words),
        UNIT(a_style_travels_with_its_template),
        UNIT(bytes_that_are_no_template_are_refused),
        UNIT(a_shell_gives_back_every_value_wherever_it_stands),
        UNIT(numbers_can_be_computed_with),
        UNIT(no_value_is_computed_that_is_no_number),
        UNIT(a_value_of_100_kb_is_handed_on_whole),
        UNIT(without_a_command_the_values_are_it),
        UNIT(every_random_script_gives_back_its_values),
        {NULL, NULL},
    };
    return unit_run("exec_template", tests);
}
