/*
 * Between the server and explaind-decode: three inherited descriptors, one order, one answer.
 *
 *   fd 3  the image's bytes, from its beginning (a memfd)
 *   fd 4  the answer: explaind_decode_answer, then `bytes` bytes of RGB (a memfd)
 *   fd 5  a stream from which the decoder reads one explaind_decode_order; its end means there is no work
 *
 * Arguments: explaind-decode MAX_BYTES MAX_PIXELS MAX_SIDE MAX_SCANS CPU_SECONDS MEMORY_BYTES. Exit code 0 means that
 * an answer was written, refusals included. One process decodes one image. Both sides are of one build, so the
 * structs are passed as they lie in memory; the server believes none of their values.
 */
#ifndef EXPLAIND_DECODE_PROTOCOL_H
#define EXPLAIND_DECODE_PROTOCOL_H

#include <stdint.h>

enum { EXPLAIND_DECODE_IMAGE_FD = 3, EXPLAIND_DECODE_ANSWER_FD = 4, EXPLAIND_DECODE_ORDER_FD = 5 };

#define EXPLAIND_DECODE_MAGIC 0x78646331u /* "xdc1" */

typedef struct explaind_decode_order {
    uint64_t size; /* of the image's bytes */
} explaind_decode_order;

typedef struct explaind_decode_answer {
    uint32_t magic;
    int32_t status; /* xai_status */
    int32_t width, height, orientation;
    uint32_t unused;
    uint64_t bytes; /* width * height * 3 where status is XAI_OK, else 0 */
    char where[64], msg[512];
} explaind_decode_answer;

#endif
