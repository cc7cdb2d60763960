# explaind: build, run, test. `make help` lists the targets.
#
# The sources are found by their folders: a new .c file needs no line here. Instruction-set flags are given only to
# engine/kernels/*_<isa>.c; everything else runs on any x86-64 (or other) machine.

BUILD   ?= build
CC      ?= gcc
PYTHON  ?= /usr/bin/python3
PREFIX  ?= /usr/local

# ---------------------------------------------------------------- packages, by what needs them (Debian 12)
DEPS_BUILD = gcc make pkg-config libc6-dev libprotobuf-c-dev protobuf-c-compiler libopenblas-serial-dev libstb-dev \
             libpng-dev libcairo2-dev fonts-dejavu-core libmicrohttpd-dev libjansson-dev libsqlite3-dev libseccomp-dev
DEPS_TEST  = check curl openssl python3 python3-pytest python3-numpy python3-pil python3-selenium chromium chromium-driver
DEPS_DEV   = clang clang-format libasan8 libubsan1 libclang-rt-14-dev

# ---------------------------------------------------------------- flags
WARN  = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes -Wvla
HARD  = -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection -fcf-protection -fPIE
OPT  ?= -O2
CFLAGS  ?= -g
XFLAGS   = -std=c17 -D_GNU_SOURCE $(OPT) $(WARN) $(HARD) -fvisibility=hidden -ffp-contract=off -pthread -Iengine -Iserver -Itests -I$(BUILD)/gen
LDHARD   = -pie -Wl,-z,relro,-z,now,-z,noexecstack -pthread
PKGS_ENGINE = libprotobuf-c openblas libpng cairo
PKGS_SERVER = libmicrohttpd jansson sqlite3 libseccomp
pkg      = $(shell pkg-config $(1) $(2) 2>/dev/null)
ISA_avx2   = -mavx2 -mfma -mf16c
ISA_avx512 = -mavx512f -mavx512bw -mavx512vl -mavx512dq -mfma -mf16c -mprefer-vector-width=512

# ---------------------------------------------------------------- sources
ENGINE_DIRS = base tensor math kernels image ops graph explain explain/sag render metrics study
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

# ---------------------------------------------------------------- compile
$(BUILD)/gen/onnx.pb-c.c: engine/graph/onnx.proto
	@mkdir -p $(@D)
	protoc-c --proto_path=$(<D) --c_out=$(@D) $<
$(BUILD)/obj/gen/onnx.pb-c.o: $(GEN)
	@mkdir -p $(@D)
	$(CC) $(XFLAGS) -w $(CFLAGS) -c -o $@ $<

isa = $(foreach i,avx2 avx512,$(if $(filter %_$(i),$(1)),$(ISA_$(i))))
$(BUILD)/obj/%.o: %.c | $(GEN)
	@mkdir -p $(@D)
	$(CC) $(XFLAGS) $(if $(findstring /kernels/,$*),-O3) $(call isa,$*) $(call pkg,--cflags,$(PKGS_ENGINE) $(PKGS_SERVER)) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/libxai.a: $(ENGINE_OBJ)
	@rm -f $@
	ar rcs $@ $^
$(BUILD)/libxai_json.a: $(call obj,$(JSON_SRC))
	@rm -f $@
	ar rcs $@ $^
$(BUILD)/libexplaind.a: $(call obj,$(SERVER_SRC))
	@rm -f $@
	ar rcs $@ $^
$(BUILD)/xai: $(call obj,$(CLI_SRC)) $(BUILD)/libxai_json.a $(BUILD)/libxai.a
	$(CC) $(CFLAGS) $(LDHARD) -o $@ $^ $(call pkg,--libs,jansson) $(LIBS_ENGINE)
$(BUILD)/explaind: $(call obj,server/main.c) $(BUILD)/libexplaind.a $(BUILD)/libxai_json.a $(BUILD)/libxai.a
	$(CC) $(CFLAGS) $(LDHARD) -o $@ $^ $(LIBS_SERVER)
$(BUILD)/explaind-decode: $(call obj,$(DECODE_SRC)) $(BUILD)/libxai.a
	$(CC) $(CFLAGS) $(LDHARD) -o $@ $^ $(call pkg,--libs,libseccomp) -lm

# ---------------------------------------------------------------- tests
TEST_LIBS = $(BUILD)/libexplaind.a $(BUILD)/libxai_json.a $(BUILD)/libxai.a
.PRECIOUS: $(BUILD)/obj/%.o
$(BUILD)/tests/%: $(BUILD)/obj/tests/%.o $(call obj,$(SUPPORT_SRC)) $(TEST_LIBS)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDHARD) -o $@ $^ $(call pkg,--libs,check) $(LIBS_SERVER)
# The decoder's tests need its sandbox, and its binary.
$(BUILD)/tests/server/decode/test_sandbox: $(BUILD)/obj/server/decode/sandbox.o
$(BUILD)/tests/server/jobs/test_decode_client: | $(BUILD)/explaind-decode

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
