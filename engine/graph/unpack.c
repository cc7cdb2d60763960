/*
 * Unpack: protobuf-c with an allocator that counts. Two bytes of a file can claim a whole message, some 60 times their
 * size in memory, so the budget is refused before the tree grows beyond what an honest file of this size needs.
 * Thread-safe: the budget is the caller's own.
 */
#include "unpack.h"

#include "base/memory.h"

#include <stdlib.h>

#define TREE_BASE ((size_t)64 << 20) /* for names and nodes, which are small in the file */
enum { TREE_FACTOR = 8 };            /* a varint of one byte becomes an int64 */

typedef struct budget {
    size_t left;
    bool spent;     /* the budget ended */
    bool no_memory; /* the memory did */
} budget;

static void *take(void *user, size_t size)
{
    budget *b = user;
    b->spent = b->spent || size > b->left;
    if (b->spent) return NULL;
    b->left -= size;
    void *data = malloc(size ? size : 1);
    b->no_memory = b->no_memory || !data;
    return data;
}

static void give_back(void *user, void *data)
{
    (void)user;
    free(data);
}

static size_t budget_for(size_t size)
{
    size_t most = xai_memory_limit() / 2, wanted;
    if (__builtin_mul_overflow(size, (size_t)TREE_FACTOR, &wanted)) return most;
    if (__builtin_add_overflow(wanted, TREE_BASE, &wanted)) return most;
    return wanted < most ? wanted : most;
}

xai_status xai_onnx_unpack(const void *bytes, size_t size, const char *where, Onnx__ModelProto **out, xai_error *err)
{
    budget b = {.left = budget_for(size)};
    ProtobufCAllocator allocator = {take, give_back, &b};
    *out = onnx__model_proto__unpack(&allocator, size, bytes);
    XAI_CHECK(!b.spent, err, TOO_LARGE, where, "'%s' claims more than %zu MiB of nodes and values", where,
              budget_for(size) >> 20);
    if (b.no_memory) XAI_NO_MEMORY(err);
    XAI_CHECK(*out, err, BAD_MODEL, where, "'%s' is not an ONNX model, or it is truncated", where);
    return XAI_OK;
}

void xai_onnx_free(Onnx__ModelProto *tree)
{
    ProtobufCAllocator allocator = {take, give_back, NULL};
    onnx__model_proto__free_unpacked(tree, &allocator);
}
