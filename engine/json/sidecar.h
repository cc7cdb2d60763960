/*
 * Sidecar: the JSON file beside a model that says what the graph cannot: preprocessing, labels, licence.
 *
 *     {"schema":1, "id":"...", "sha256":"...",
 *      "input":{"name":"input","layout":"NCHW","channels":"RGB"},
 *      "preprocess":[{"op":"resize","short_side":256,"filter":"bicubic","antialias":true},
 *                    {"op":"center_crop","size":[224,224]},
 *                    {"op":"normalize","mean":[127,127,127],"scale":[128,128,128]}],
 *      "output":{"name":"logits","head":"softmax"}, "labels":["tench", ...], "licence":"...", "provenance":"..."}
 *
 * Every member but `schema` may be left out. Sizes are [height, width]; normalize is (v - mean) / scale on 0..255.
 */
#ifndef XAI_JSON_SIDECAR_H
#define XAI_JSON_SIDECAR_H

#include <jansson.h>

#include "base/arena.h"

/* Fills *out; its strings and arrays live in `arena`. Errors: BAD_CONFIG, where = JSON pointer of the member. */
xai_status xai_json_sidecar(const json_t *root, xai_arena *arena, xai_model_config *out, xai_error *err);

/* The same from a file of at most 16 MiB. Errors: IO, BAD_CONFIG with the file's name in the message. */
xai_status xai_json_sidecar_read(const char *path, xai_arena *arena, xai_model_config *out, xai_error *err);

/* Loads a model with the sidecar `config`, or, where that is NULL, with F.json beside F.onnx if there is one. */
xai_status xai_json_model_load(const char *path, const char *config, xai_model **out, xai_error *err);

#endif
