# explaind: build, run, test. `make help` lists the targets.
#
# The sources are found by their folders: a new .c file needs no line here. Instruction-set flags are given only to
# engine/kernels/*_<isa>.c; everything else runs on any x86-64 (or other) machine. Every build has a folder of its own
# (BUILD); objects are made anew when the flags change. V=1 shows the commands.

BUILD   ?= build
PYTHON  ?= /usr/bin/python3
PREFIX  ?= /usr/local
PORT    ?= 8080
STATE   ?= $(if $(XDG_STATE_HOME),$(XDG_STATE_HOME)/explaind,$(BUILD)/state)
FUZZ_S  ?= 60
JOBS    ?= $(shell nproc)
ifeq ($(origin CC),default)
CC = gcc
endif
ifndef V
Q = @
endif
say      = @printf '  %-4s %s\n' $(1) $(2)
SUBMAKE  = $(MAKE) --no-print-directory $(if $(filter -j%,$(MAKEFLAGS)),,-j$(JOBS))

# ---------------------------------------------------------------- packages, by what needs them (Debian 12)
DEPS_BUILD = gcc make pkg-config libc6-dev libprotobuf-c-dev protobuf-c-compiler libstb-dev \
             libpng-dev libcairo2-dev libgif-dev fonts-dejavu-core libmicrohttpd-dev libjansson-dev libsqlite3-dev \
             libseccomp-dev
DEPS_TEST  = check curl openssl python3 python3-pytest python3-numpy python3-pil python3-selenium chromium chromium-driver \
             libonnx-testdata
DEPS_DEV   = clang clang-format libclang-rt-14-dev python3-venv

# ---------------------------------------------------------------- flags
X86   = $(filter x86_64,$(shell uname -m))
WARN  = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes -Wvla
HARD  = -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection $(if $(X86),-fcf-protection) -fPIE
OPT  ?= -O2
CFLAGS  ?= -g
SAN   =
# No fused products but where a kernel says so; without traps and errno loops become vectors. No value changes.
EXACT = -ffp-contract=off -fno-trapping-math -fno-math-errno
XFLAGS   = -std=c17 -D_GNU_SOURCE $(OPT) $(WARN) $(HARD) -fvisibility=hidden $(EXACT) -pthread \
           -Iengine -Iserver -Itests -I$(BUILD)/gen $(SAN)
LDHARD   = -pie -Wl,-z,relro,-z,now,-z,noexecstack -pthread $(SAN)
PKGS_ENGINE = libprotobuf-c libpng cairo libgif
PKGS_SERVER = libmicrohttpd jansson sqlite3 libseccomp
pkg      = $(shell pkg-config $(1) $(2) 2>/dev/null)
ISA_avx2   = $(if $(X86),-mavx2 -mfma -mf16c)
ISA_avx512 = $(if $(X86),-mavx512f -mavx512bw -mavx512vl -mavx512dq -mfma -mf16c -mprefer-vector-width=512)
ISA_avx512bf16 = $(if $(X86),$(ISA_avx512) -mavx512bf16)

# ---------------------------------------------------------------- sources
EXPLAIN     = $(patsubst engine/%/,%,$(sort $(wildcard engine/explain/*/)))
ENGINE_DIRS = base tensor math kernels image ops graph explain $(EXPLAIN) render metrics study
ENGINE_SRC  = $(foreach d,$(ENGINE_DIRS),$(sort $(wildcard engine/$(d)/*.c)))
JSON_SRC    = $(sort $(wildcard engine/json/*.c))
CLI_SRC     = $(sort $(wildcard engine/cli/*.c))
DECODE_SRC  = $(sort $(wildcard server/decode/*.c))
SERVER_SRC  = $(sort $(wildcard server/conf/*.c server/wire/*.c server/store/*.c server/jobs/*.c server/api/*.c server/http/*.c))
SUPPORT_SRC = $(sort $(wildcard tests/support/*.c))
TEST_SRC    = $(sort $(wildcard tests/*/test_*.c tests/*/*/test_*.c tests/*/*/*/test_*.c))
GEN         = $(BUILD)/gen/onnx.pb-c.c

obj      = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
ENGINE_OBJ  = $(call obj,$(ENGINE_SRC)) $(BUILD)/obj/gen/onnx.pb-c.o
LIBS_ENGINE = $(call pkg,--libs,$(PKGS_ENGINE)) -lm
LIBS_SERVER = $(call pkg,--libs,$(PKGS_SERVER)) $(LIBS_ENGINE)
TESTS       = $(patsubst tests/%.c,$(BUILD)/tests/%,$(TEST_SRC))

.DEFAULT_GOAL := all
.PHONY: all help
all: $(BUILD)/xai $(BUILD)/explaind $(BUILD)/explaind-decode ## build everything
help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

# ---------------------------------------------------------------- packages
# Installs what dpkg does not know, by name; asks nothing. $(1): packages, $(2): what for.
define install_missing
	@missing=; \
	command -v dpkg-query >/dev/null || { echo "Not a Debian system: $(2) needs the equivalents of $(strip $(1))"; exit 0; }; \
	for p in $(1); do \
	    [ "$$(dpkg-query -W -f='$${db:Status-Status}' $$p 2>/dev/null)" = installed ] || missing="$$missing $$p"; done; \
	[ -n "$$missing" ] || exit 0; \
	echo "Installing what $(2) needs, with apt-get:$$missing"; \
	root=; [ "$$(id -u)" = 0 ] || root=sudo; \
	[ -z "$$root" ] || command -v sudo >/dev/null || { echo "Neither root nor sudo: install$$missing"; exit 1; }; \
	$$root env DEBIAN_FRONTEND=noninteractive apt-get -qq update </dev/null && \
	$$root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install $$missing </dev/null >/dev/null
endef

.PHONY: deps deps-build deps-test deps-dev
deps: deps-build deps-test ## install the packages that building and testing need (Debian: apt)
deps-build:
	$(call install_missing,$(DEPS_BUILD),the build)
deps-test: deps-build
	$(call install_missing,$(DEPS_TEST),the tests)
deps-dev: deps-test ## install what asan, fuzz, format and conformance need besides
	$(call install_missing,$(DEPS_DEV),development)

# ---------------------------------------------------------------- run
.PHONY: run demo accuracy install
run: deps-build ## install what is missing, build, serve http://127.0.0.1:8080 (PORT=...)
	@$(SUBMAKE) all
	@mkdir -p $(STATE)
	@echo "explaind: http://127.0.0.1:$(PORT)  (Ctrl-C stops it)"
	@exec $(BUILD)/explaind --port $(PORT) --store $(STATE)/explaind.db
demo: deps-build ## serve on a free port, explain a sample over HTTP, say why in words, pictures to build/demo
	@$(SUBMAKE) all
	@$(PYTHON) tests/demo/demo.py --build $(BUILD) --out $(BUILD)/demo
accuracy: deps-build ## IMAGES=dir LABELS=file.tsv: top-1 and top-5 counts of the shipped model
	@[ -n "$(IMAGES)" ] && [ -n "$(LABELS)" ] || { echo "usage: make accuracy IMAGES=dir LABELS=file.tsv"; exit 2; }
	@$(SUBMAKE) $(BUILD)/xai
	@$(PYTHON) tests/bench/accuracy.py --xai $(BUILD)/xai "$(IMAGES)" "$(LABELS)"

# Studies over labelled photos; a study that was ended goes on. The tables go into docs/studies.md.
SAG_N ?= 50
METHODS_N ?= 100
COSTLY_N ?= 10
STUDY = $(BUILD)/xai study
CHEAP_METHODS = saliency,inputxgradient,guidedbackprop,lrp,deeplift,gradcam,gradcam++,layercam,eigencam
ALL_METHODS = $(CHEAP_METHODS),integratedgradients,SmoothGrad=saliency?noise=smoothgrad,scorecam?channels=64,ablationcam,rise?masks=1000,kernelshap,sag
CURVES = insertion?step=3136&random=3,deletion?step=3136&random=3
CHEAP_METRICS = $(CURVES),road?random=1,averagedrop?random=3,increase?random=3,sparseness,complexity
.PHONY: studies
studies: deps-build ## IMAGES=dir LABELS=file.tsv: SAG's coverage, methods by metrics (hours; SAG_N=, METHODS_N=, COSTLY_N=)
	@[ -n "$(IMAGES)" ] && [ -n "$(LABELS)" ] || { echo "usage: make studies IMAGES=dir LABELS=file.tsv"; exit 2; }
	@$(SUBMAKE) $(BUILD)/xai
	$(STUDY) sag --images "$(IMAGES)" --labels "$(LABELS)" --limit $(SAG_N) --out $(BUILD)/study-sag >/dev/null
	$(STUDY) methods --images "$(IMAGES)" --labels "$(LABELS)" --limit $(METHODS_N) --method '$(ALL_METHODS)' \
	    --evaluate '$(CHEAP_METRICS)' --out $(BUILD)/study-methods >/dev/null
	$(STUDY) methods --images "$(IMAGES)" --labels "$(LABELS)" --limit $(COSTLY_N) --method '$(CHEAP_METHODS)' \
	    --evaluate 'sensitivity,mprt,focus' --out $(BUILD)/study-costly >/dev/null
	@mkdir -p docs/studies
	cp $(BUILD)/study-sag/coverage.png $(BUILD)/study-sag/*.csv $(BUILD)/study-methods/methods.png $(BUILD)/study-methods/*.csv docs/studies
	cp $(BUILD)/study-costly/methods.csv docs/studies/costly.csv
	@printf '\n![Share of photos explained by at most k patches](studies/coverage.png)\n' >>$(BUILD)/study-sag/series.md
	@printf '\n![Methods by metrics](studies/methods.png)\n' >>$(BUILD)/study-methods/methods.md
	$(call into_studies,sag,$(BUILD)/study-sag/series.md)
	$(call into_studies,methods,$(BUILD)/study-methods/methods.md)
	$(call into_studies,percentiles,$(BUILD)/study-methods/percentiles.md)
	$(call into_studies,costly,$(BUILD)/study-costly/methods.md)
into_studies = sed -i -e '/<!-- $(1) -->/,/<!-- \/$(1) -->/{//!d}' -e '/<!-- $(1) -->/r $(2)' docs/studies.md

SHARE = $(DESTDIR)$(PREFIX)/share/explaind
install: all ## copy programs, model and viewer below PREFIX
	install -d $(DESTDIR)$(PREFIX)/bin $(SHARE)/models
	install -s $(BUILD)/xai $(BUILD)/explaind $(BUILD)/explaind-decode $(DESTDIR)$(PREFIX)/bin
	install -m 644 models/*.onnx models/*.json models/LICENSE-* models/README.md LICENSE $(SHARE)/models
	cp -R models/samples static $(SHARE)/
	mv $(SHARE)/samples $(SHARE)/models/

# ---------------------------------------------------------------- compile
# The flags of the last build: objects depend on them.
FLAGS_NOW = $(CC) $(XFLAGS) $(CFLAGS)
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(FLAGS_NOW)' | cmp -s - $@ || echo '$(FLAGS_NOW)' >$@
.PHONY: FORCE
FORCE:

$(BUILD)/gen/onnx.pb-c.c: engine/graph/onnx.proto
	@mkdir -p $(@D)
	$(Q)protoc-c --proto_path=$(<D) --c_out=$(@D) $<
$(BUILD)/obj/gen/onnx.pb-c.o: $(GEN) $(BUILD)/flags
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(XFLAGS) -w $(CFLAGS) -c -o $@ $<

isa = $(foreach i,avx2 avx512 avx512bf16,$(if $(filter %_$(i),$(1)),$(ISA_$(i))))
$(BUILD)/obj/%.o: %.c $(BUILD)/flags | $(GEN)
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(XFLAGS) $(if $(filter engine/kernels/% engine/ops/%,$*),$(KERNEL_OPT)) $(call isa,$*) \
	    $(call pkg,--cflags,$(PKGS_ENGINE) $(PKGS_SERVER)) $(CFLAGS) -MMD -MP -c -o $@ $<
KERNEL_OPT = -O3

$(BUILD)/libxai.a: $(ENGINE_OBJ)
$(BUILD)/libxai_json.a: $(call obj,$(JSON_SRC))
$(BUILD)/libexplaind.a: $(call obj,$(SERVER_SRC))
$(BUILD)/%.a:
	$(call say,AR,$@)
	@rm -f $@
	$(Q)ar rcs $@ $^
link = $(Q)$(CC) $(CFLAGS) $(LDHARD) -o $@ $(filter %.o %.a,$^)
$(BUILD)/xai: $(call obj,$(CLI_SRC)) $(BUILD)/libxai_json.a $(BUILD)/libxai.a
	$(call say,LD,$@)
	$(link) $(call pkg,--libs,jansson) $(LIBS_ENGINE)
$(BUILD)/explaind: $(call obj,server/main.c) $(BUILD)/libexplaind.a $(BUILD)/libxai_json.a $(BUILD)/libxai.a
	$(call say,LD,$@)
	$(link) $(LIBS_SERVER)
$(BUILD)/explaind-decode: $(call obj,$(DECODE_SRC)) $(BUILD)/libxai.a
	$(call say,LD,$@)
	$(link) $(call pkg,--libs,libseccomp) -lm

# ---------------------------------------------------------------- tests
TEST_LIBS = $(BUILD)/libexplaind.a $(BUILD)/libxai_json.a $(BUILD)/libxai.a
.PRECIOUS: $(BUILD)/obj/%.o
$(BUILD)/tests/%: $(BUILD)/obj/tests/%.o $(call obj,$(SUPPORT_SRC)) $(TEST_LIBS)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(link) $(call pkg,--libs,check) $(LIBS_SERVER)
# The decoder's tests need its sandbox, and its binary.
$(BUILD)/tests/server/decode/test_sandbox: $(BUILD)/obj/server/decode/sandbox.o
$(BUILD)/tests/server/jobs/test_decode_client: | $(BUILD)/explaind-decode
# Lets any allocation of our own objects fail.
$(BUILD)/tests/fault/test_alloc_failure: \
    LDHARD += $(foreach f,malloc calloc realloc aligned_alloc strdup strndup free,-Wl,--wrap=$(f))
# Counts the passes that a method runs.
$(BUILD)/tests/engine/explain/test_methods: \
    LDHARD += $(foreach f,forward forward_slots backward,-Wl,--wrap=xai_session_$(f))
# Programs that tests start.
HELPERS = $(BUILD)/tests/server/http/echo
SUITES  = $(patsubst %/,%,$(sort $(dir $(wildcard tests/*/test_*.py))))
RUN_TESTS = BUILD=$(BUILD) PYTHON=$(PYTHON) $(PYTHON) tests/run.py

.PHONY: tests test test-c test-long check-one conformance lint docs asan tsan fuzz format clean
tests: all $(TESTS) $(HELPERS)
test: deps-test ## install what is missing, build, run all tests; the last line counts them
	@$(SUBMAKE) tests
	@$(RUN_TESTS) $(TESTS) $(SUITES)
test-c: deps-test ## the tests in C alone
	@$(SUBMAKE) tests
	@$(RUN_TESTS) $(TESTS)
check-one: deps-test ## T=engine/ops/test_conv or T=cli/test_cli: one file of tests
	@[ -n "$(T)" ] || { echo "usage: make check-one T=engine/ops/test_conv"; exit 2; }
	@if [ -f tests/$(T).c ]; then $(SUBMAKE) $(BUILD)/tests/$(T) && CK_DEFAULT_TIMEOUT=60 $(BUILD)/tests/$(T); \
	else $(SUBMAKE) tests && BUILD=$(BUILD) $(PYTHON) -m pytest -q tests/$(T).py; fi
lint: deps-test ## layers, symbols, documents made by the program, forbidden words, line width
	@$(SUBMAKE) all
	@BUILD=$(BUILD) $(PYTHON) -m pytest -q tests/lint tests/lint/check_*.py
docs: ## make anew what the programs print: openapi.json, config.example.json, the README's table
	@$(SUBMAKE) all
	$(BUILD)/explaind --print-openapi >docs/openapi.json
	$(BUILD)/explaind --print-config >config.example.json
	$(BUILD)/xai methods --markdown | sed -i -e '/<!-- methods -->/,/<!-- \/methods -->/{//!d}' -e '/<!-- methods -->/r /dev/stdin' README.md
	$(BUILD)/xai metrics --markdown | sed -i -e '/<!-- metrics -->/,/<!-- \/metrics -->/{//!d}' -e '/<!-- metrics -->/r /dev/stdin' docs/metrics.md
	$(if $(wildcard docs/bench.json),$(PYTHON) tests/bench/report.py)
test-long: test asan tsan conformance fuzz ## everything: tests, sanitizers, other engines' numbers, fuzzing (an hour)

VENV = $(BUILD)/venv-conformance
$(VENV)/done: tests/conformance/requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install -q -r $<
	@touch $@
$(VENV)-%/done: tests/conformance/requirements-%.txt
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/pip install -q -r $<
	@touch $@
conformance: deps-dev ## ONNX's own cases; networks from PyTorch, Keras and Paddle against their numbers (from pip)
	@$(SUBMAKE) $(BUILD)/xai $(VENV)/done $(VENV)-keras/done $(VENV)-paddle/done
	$(VENV)/bin/python tests/conformance/export_families.py $(BUILD)/conformance
	$(VENV)-keras/bin/python tests/conformance/export_keras.py $(BUILD)/conformance
	$(VENV)-paddle/bin/python tests/conformance/export_paddle.py $(BUILD)/conformance
	$(VENV)/bin/python tests/conformance/check_families.py $(BUILD)/conformance --xai $(BUILD)/xai
	$(VENV)/bin/python tests/conformance/check_gates.py --xai $(BUILD)/xai
	$(VENV)/bin/python tests/conformance/run_onnx_testdata.py --xai $(BUILD)/xai
	$(VENV)/bin/python tests/conformance/write_onnx_cases.py $(BUILD)/conformance/onnx-cases
	$(VENV)/bin/python tests/conformance/run_onnx_testdata.py --xai $(BUILD)/xai --title 'cases newer than opset 17' \
	    --data $(BUILD)/conformance/onnx-cases

# The benchmark. A part (ROWS=regex of row ids, ROUNDS=n, QUICK=1) publishes nothing. A peer that cannot be installed is
# left out here, and shown as failed there.
VENV_BENCH = $(BUILD)/venv-bench
BENCH_REQUIREMENTS = tests/bench/requirements.txt tests/conformance/requirements.txt
$(VENV_BENCH)/done: $(BENCH_REQUIREMENTS)
	$(PYTHON) -m venv $(VENV_BENCH)
	@if $(VENV_BENCH)/bin/pip install -q -r $<; then touch $@; else \
	    echo "Not every peer could be installed; now one by one."; \
	    for p in $$(cat $(BENCH_REQUIREMENTS) | grep -o '^[a-z].*==.*'); do \
	        $(VENV_BENCH)/bin/pip install -q $$p || echo "$$p is left out"; done; fi
$(VENV_BENCH)-%/done: tests/bench/requirements-%.txt
	$(PYTHON) -m venv $(@D)
	@if $(@D)/bin/pip install -q -r $<; then touch $@; else echo "$* could not be installed: it is left out"; fi
.PHONY: bench
bench: deps-build ## ours beside other engines and explanation libraries, in turns; fills docs/bench.md and the README (ROWS=, ROUNDS=, QUICK=1)
	$(call install_missing,python3-venv,the benchmark)
	@$(SUBMAKE) all
	@$(SUBMAKE) $(VENV_BENCH)/done
	@for o in $$($(PYTHON) tests/bench/bench.py --rows '$(ROWS)' --oracles); do $(SUBMAKE) $(VENV_BENCH)-$$o/done; done
	@$(VENV_BENCH)/bin/python tests/bench/bench.py --build $(BUILD) --rows '$(ROWS)' $(ROUNDS:%=--rounds %) $(if $(QUICK),--quick)

.PHONY: sanity
sanity: deps-build ## which methods notice other weights and another class: fills docs/sanity.md
	@$(SUBMAKE) $(BUILD)/xai
	@$(PYTHON) tests/bench/sanity.py --xai $(BUILD)/xai

# Sanitizers: builds of their own. The sandboxed decoder and the browser stay out: both limit what a process may map.
SAN_MAKE = $(SUBMAKE) OPT=-O1 KERNEL_OPT=-O1 HARD='-fPIE -fno-omit-frame-pointer'
ASAN = -fsanitize=address,undefined -fno-sanitize-recover=undefined
asan: deps-test ## the tests in C, of the command line and over HTTP under AddressSanitizer and UBSan
	@$(SAN_MAKE) BUILD=build-asan SAN='$(ASAN)' tests
	@BUILD=build-asan $(PYTHON) tests/run.py --sanitizer $(TESTS:$(BUILD)/%=build-asan/%) tests/cli tests/http
tsan: deps-test ## the tests in C and over HTTP under ThreadSanitizer
	@$(SAN_MAKE) BUILD=build-tsan SAN=-fsanitize=thread tests
	@BUILD=build-tsan $(PYTHON) tests/run.py --sanitizer $(TESTS:$(BUILD)/%=build-tsan/%) tests/http

FUZZERS = $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
$(BUILD)/fuzz/%: $(BUILD)/obj/tests/fuzz/%.o $(TEST_LIBS)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(link) -fsanitize=fuzzer $(LIBS_SERVER)
.PHONY: fuzzers
fuzzers: $(FUZZERS)
fuzz: deps-dev ## every fuzz target for FUZZ_S=60 seconds
	@$(SAN_MAKE) CC=clang BUILD=build-fuzz SAN='-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined' fuzzers
	@set -e; for f in $(notdir $(FUZZERS)); do \
	    mkdir -p build-fuzz/corpus/$$f; seeds=tests/fuzz/corpus/$$f; \
	    [ $$f = fuzz_image ] && seeds=tests/engine/image/fixtures; [ -d $$seeds ] || seeds=; \
	    echo "$$f for $(FUZZ_S) s"; \
	    build-fuzz/fuzz/$$f -max_total_time=$(FUZZ_S) -timeout=10 -verbosity=0 -print_final_stats=1 \
	        -artifact_prefix=build-fuzz/$$f- build-fuzz/corpus/$$f $$seeds; done

format: ## clang-format over the C sources
	clang-format -i $$(git ls-files 'engine/*.[ch]' 'server/*.[ch]' 'tests/*.[ch]')
clean: ## remove every build folder
	rm -rf build build-*

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
