/*
 * The tests that every store must pass. A store's own test file gives an opener and adds what is special to it.
 *
 * `open_store(fresh)` opens the store under test: an empty one, or the one that was open before, as after a restart.
 */
#ifndef EXPLAIND_TEST_STORE_CONFORMANCE_H
#define EXPLAIND_TEST_STORE_CONFORMANCE_H

#include <check.h>

#include "store/store.h"

typedef store *(*store_under_test)(bool fresh);

/* A test case of the conformance tests against the given store. */
TCase *store_conformance(const char *name, store_under_test open_store);

#endif
