/* What the leak checker shall not report: fontconfig keeps its configuration until the process ends. */

__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void) { return "leak:libfontconfig\n"; }
