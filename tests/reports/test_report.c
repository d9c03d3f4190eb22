#include "reports/report.h"

#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reports/read.h"

#define PLOTS REPLISIM_SOURCE_DIR "/reports/plots"

/* ---- Fixture: a folder of its own ------------------------------------------------------------ */

static char folder[64];

static void write_file(const char *name, const char *text, size_t length)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(text, 1, length, file), length);
    fclose(file);
}

static void write_text(const char *name, const char *text)
{
    write_file(name, text, strlen(text));
}

static bool has_file(const char *name)
{
    char path[128];
    struct stat about;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return stat(path, &about) == 0 && about.st_size > 0;
}

static char *page_text(void)
{
    char path[128], note[REPORT_NOTE_BYTES];
    size_t length = 0;
    snprintf(path, sizeof path, "%s/index.html", folder);
    return report_read_text(path, &length, note);
}

static void set_up(void)
{
    snprintf(folder, sizeof folder, "report-test.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void tear_down(void)
{
    static const char *const names[] = {"result.json", "lag.csv",          "lag.svg",
                                        "lag.png",     "distribution.svg", "distribution.png",
                                        "index.html"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
}

static const char header[] = "node,path,committed_s,lag_s\n";

static bool has_gnuplot(void)
{
    return system("gnuplot --version >/dev/null 2>&1") == 0;
}

/* ---- Pages ----------------------------------------------------------------------------------- */

struct page_row {
    const char *name;
    const char *result, *lag;
    const char *shown, *hidden; /* what the page holds, and what it must not hold */
    bool is_plotted;
};

static const struct page_row page_rows[] = {
    {"an ordinary run",
     "{\"scenario\":\"pod-rotation\",\"seed\":42,\"verdict\":\"pass\",\"virtual_seconds\":61.25,"
     "\"params\":{\"readers\":3},\"repeat\":\"replisim run a.lua --seed 42\"}",
     "reader-1,db/a.parquet,1.5,0.004\nreader-2,db/a.parquet,1.5,0.02\n",
     "replisim run a.lua --seed 42", "Never arrived (", true},
    {"a run without files", "{\"verdict\":\"pass\"}", "", "No file had to be replicated", "<svg",
     false},
    {"an empty object", "{}", "", "(no name)", "<svg", false},
    {"a copy that never arrived is listed by name", "{}", "reader-1,db/lost.parquet,3,\n",
     "db/lost.parquet", "No file had", true},
    {"all lags are nothing", "{}", "reader-1,db/a,0,0\nreader-2,db/a,0,0.0\n", "<svg", "Never arr",
     true},
    {"lags of many sizes", "{}", "a,p,0,1e-9\nb,p,0,1e6\nc,p,1e6,3\n", "<svg", "Never arr", true},
    {"more nodes than curves", "{}",
     "a,p,0,1\nb,p,0,1\nc,p,0,1\nd,p,0,1\ne,p,0,1\nf,p,0,1\ng,p,0,1\nh,p,0,1\ni,p,0,1\n", "<svg",
     "Never arr", true},
    {"one of two nodes got nothing", "{}", "a,p,0,\nb,p,0,1\n", "<svg", "No file had", true},
    {"a script in a scenario's name does not run", "{\"scenario\":\"<script>alert(1)</script>\"}",
     "", "&lt;script&gt;", "<script", false},
    {"a script in a path does not run", "{}", "reader-1,<img src=x>&,3,\n",
     "&lt;img src=x&gt;&amp;", "<img", true},
    {"quotes of gnuplot do nothing in a name", "{\"scenario\":\"x'; system('touch pwned') #\"}",
     "a';`id`,p,0,1\n'b,p,0,1\n", "<svg", "No file had", true},
    {"a violation is shown with its place",
     "{\"violations\":[{\"property\":\"query-complete\",\"time_s\":12.5,\"node\":\"reader-2\","
     "\"place\":\"reader/walk-done\",\"detail\":\"2 < 3\"}]}",
     "", "2 &lt; 3", "None: every property held", false},
    {"violations of another shape", "{\"violations\":[1,null,{\"property\":7},[]]}", "",
     "Violations (4)", "None: every", false},
    {"members of other kinds",
     "{\"scenario\":7,\"verdict\":[],\"params\":3,\"counters\":[1],\"metrics\":{\"a\":1},"
     "\"lag_seconds\":\"x\",\"reached\":{},\"repeat\":null,\"nodes\":\"many\"}",
     "", "(no name)", "<svg", false},
    {"the largest seed is shown in full", "{\"seed\":18446744073709551615}", "",
     "18446744073709551615", "1844674407370955200", false},
    {"fields in quotes", "{}", "\"a,\"\"b\"\"\",\"p\nq\",0,\r\n", "a,&quot;b&quot;", "No file had",
     true},
};

/* Whatever a well-formed file says, the page shows it, escaped, and plots follow the samples. */
START_TEST(page_shows_the_run)
{
    const struct page_row *row = &page_rows[_i];
    char note[REPORT_NOTE_BYTES], lag[1024];
    bool is_plotted = row->is_plotted && has_gnuplot();
    write_text("result.json", row->result);
    snprintf(lag, sizeof lag, "%s%s", header, row->lag);
    write_text("lag.csv", lag);
    ck_assert_msg(report_run_write(folder, PLOTS, note) == 0, "%s: %s", row->name, note);
    char *page = page_text();
    ck_assert_ptr_nonnull(page);
    if (strcmp(row->shown, "<svg") != 0 || is_plotted) {
        ck_assert_msg(strstr(page, row->shown) != NULL, "%s (%d): no %s", row->name, _i,
                      row->shown);
    }
    ck_assert_msg(strstr(page, row->hidden) == NULL, "%s (%d): %s", row->name, _i, row->hidden);
    ck_assert_msg(has_file("lag.svg") == is_plotted && has_file("lag.png") == is_plotted &&
                      has_file("distribution.svg") == is_plotted &&
                      has_file("distribution.png") == is_plotted,
                  "%s (%d): plots; %s", row->name, _i, note);
    ck_assert_msg(!is_plotted || note[0] == '\0', "%s (%d): %s", row->name, _i, note);
    ck_assert_int_ne(access("pwned", F_OK), 0);
    free(page);
}
END_TEST

/* The page is one file: it fetches nothing and runs nothing. */
START_TEST(page_stands_alone)
{
    char note[REPORT_NOTE_BYTES];
    write_text("result.json", "{}");
    write_text("lag.csv", header);
    ck_assert_int_eq(report_run_write(folder, PLOTS, note), 0);
    char *page = page_text();
    static const char *const words[] = {"<script", "<link", " src=", "@import", "@BODY", "@TITLE"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        ck_assert_msg(strstr(page, words[i]) == NULL, "the page holds %s", words[i]);
    }
    free(page);
}
END_TEST

/* A machine without gnuplot gets the page, and one line that says what is missing. */
START_TEST(missing_gnuplot_is_one_line)
{
    char note[REPORT_NOTE_BYTES];
    write_text("result.json", "{}");
    write_text("lag.csv", "node,path,committed_s,lag_s\na,p,0,1\n");
    setenv("PATH", "/nonexistent", 1);
    ck_assert_int_eq(report_run_write(folder, PLOTS, note), 0);
    ck_assert_str_eq(note, "gnuplot is not installed: the report has no plots");
    ck_assert(!has_file("lag.svg"));
    char *page = page_text();
    ck_assert_ptr_nonnull(strstr(page, "gnuplot is not installed"));
    free(page);
}
END_TEST

/* ---- Hostile input --------------------------------------------------------------------------- */

struct bad_row {
    const char *name;
    const char *result; /* NULL: absent */
    const char *lag;    /* NULL: absent */
    const char *said;   /* part of the note */
};

static const struct bad_row bad_rows[] = {
    {"no result", NULL, "", "result.json"},
    {"an empty result", "", "", "result.json:1"},
    {"a cut result", "{\"scenario\":\"a\"", "", "result.json:1"},
    {"an error on line 2", "{\n\"scenario\":a}", "", "result.json:2"},
    {"a list", "[]", "", "is no object"},
    {"no UTF-8", "{\"scenario\":\"\xff\"}", "", "result.json:1"},
    {"of a later version", "{\"version\":2}", "", "is of version 2"},
    {"no lag", "{}", NULL, "lag.csv"},
    {"an empty lag", "{}", "", "row 1 is malformed"},
    {"another header", "{}", "path,node,committed_s,lag_s\n", "row 1 is malformed"},
    {"a row of three", "{}", "node,path,committed_s,lag_s\na,p,1\n", "row 2 is malformed"},
    {"a row of five", "{}", "node,path,committed_s,lag_s\na,p,1,2,3\n", "row 2 is malformed"},
    {"a quote that does not end", "{}", "node,path,committed_s,lag_s\na,\"p,1,2\n",
     "row 2 is malformed"},
    {"a quote inside", "{}", "node,path,committed_s,lag_s\na,p\"q,1,2\n", "row 2 is malformed"},
    {"text behind a quote", "{}", "node,path,committed_s,lag_s\na,\"p\"q,1,2\n",
     "row 2 is malformed"},
    {"a word for a number", "{}", "node,path,committed_s,lag_s\na,p,1,2\na,p,nan,2\n",
     "row 3 is malformed"},
    {"infinity", "{}", "node,path,committed_s,lag_s\na,p,1,1e999\n", "row 2 is malformed"},
    {"a negative lag", "{}", "node,path,committed_s,lag_s\na,p,1,-2\n", "row 2 is malformed"},
    {"no commit", "{}", "node,path,committed_s,lag_s\na,p,,2\n", "row 2 is malformed"},
};

/* A malformed file is one error with its name and place, and no page is written. */
START_TEST(malformed_file_is_named)
{
    const struct bad_row *row = &bad_rows[_i];
    char note[REPORT_NOTE_BYTES];
    if (row->result != NULL) {
        write_text("result.json", row->result);
    }
    if (row->lag != NULL) {
        write_text("lag.csv", row->lag);
    }
    ck_assert_msg(report_run_write(folder, PLOTS, note) == REPORT_ERR_READ, "%s (%d)", row->name,
                  _i);
    ck_assert_msg(strstr(note, row->said) != NULL, "%s (%d): %s", row->name, _i, note);
    ck_assert(!has_file("index.html"));
}
END_TEST

/* What lies behind a NUL byte is not dropped in silence. */
START_TEST(nul_byte_is_malformed)
{
    char note[REPORT_NOTE_BYTES];
    static const char lag[] = "node,path,committed_s,lag_s\na,p,1,2\n\0a,p,1,2\n";
    write_text("result.json", "{}");
    write_file("lag.csv", lag, sizeof lag - 1);
    ck_assert_int_eq(report_run_write(folder, PLOTS, note), REPORT_ERR_READ);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("report");
    TCase *pages = tcase_create("pages");
    tcase_add_checked_fixture(pages, set_up, tear_down);
    tcase_add_loop_test(pages, page_shows_the_run, 0,
                        (int)(sizeof page_rows / sizeof page_rows[0]));
    tcase_add_test(pages, page_stands_alone);
    tcase_add_test(pages, missing_gnuplot_is_one_line);
    suite_add_tcase(suite, pages);
    TCase *bad = tcase_create("bad input");
    tcase_add_checked_fixture(bad, set_up, tear_down);
    tcase_add_loop_test(bad, malformed_file_is_named, 0,
                        (int)(sizeof bad_rows / sizeof bad_rows[0]));
    tcase_add_test(bad, nul_byte_is_malformed);
    suite_add_tcase(suite, bad);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
