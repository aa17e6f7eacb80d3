// wasmtime's C interface, as much of it as czone uses, behind functions of our own: the library is loaded when it is first
// needed, and is no dependency of the executables. All of its types stay opaque outside of cwasmtime.c.
//
// Threads: an engine and a module may be used by many; a store, its instance and what is called there by one at a time.
#ifndef CWASMTIME_H
#define CWASMTIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// What went wrong, as text; empty where nothing did.
typedef struct {
    char text[512];
} cwasmtime_failure;

typedef struct {
    uint32_t instances;       // at once
    uint64_t memory_bytes;    // of an instance
    uint32_t table_elements;  // of an instance
    uint64_t stack_bytes;     // of WebAssembly
} cwasmtime_limits;

// Functions that a module imports from "czone", by number. Values are i32, i64 or the bits of an f64, each in 64 bits; the
// result, if there is one, goes into the first. Other than 0: the call ends there and then (CWASMTIME_TRAPPED).
typedef int (*cwasmtime_host)(void *context, uint32_t function, uint64_t *values, uint8_t *memory, size_t memory_size);

typedef struct {
    const char *name;
    const char *parameters;  // a letter for each: i (i32), l (i64), d (f64)
    char result;             // likewise, or 0
} cwasmtime_import;

typedef enum {
    CWASMTIME_DONE,
    CWASMTIME_TRAPPED,  // a trap of WebAssembly, or the host's
    CWASMTIME_FAILED,
} cwasmtime_outcome;

typedef struct cwasmtime_engine cwasmtime_engine;
typedef struct cwasmtime_module cwasmtime_module;
typedef struct cwasmtime_instance cwasmtime_instance;

// Loads the library, once in a process.
bool cwasmtime_load(const char *path, cwasmtime_failure *failure);

// An engine that serves instances from a pool. Never released.
cwasmtime_engine *cwasmtime_engine_make(const cwasmtime_limits *limits, cwasmtime_failure *failure);
// A tick of the clock by which calls are limited.
void cwasmtime_tick(cwasmtime_engine *engine);

bool cwasmtime_validate(cwasmtime_engine *engine, const uint8_t *bytes, size_t count, cwasmtime_failure *failure);
// Machine code of a module, for cwasmtime_module_open; to be released by free(3).
uint8_t *cwasmtime_compile(
    cwasmtime_engine *engine, const uint8_t *bytes, size_t count, size_t *size, cwasmtime_failure *failure);

// A module of machine code that lies in a file, which is trusted; its imports are the host's functions.
cwasmtime_module *cwasmtime_module_open(
    cwasmtime_engine *engine, const char *path, const cwasmtime_import *imports, size_t import_count, cwasmtime_host host,
    cwasmtime_failure *failure);
void cwasmtime_module_release(cwasmtime_module *module);

// A fresh store with an instance; the context is the host functions'.
cwasmtime_instance *cwasmtime_instance_make(
    cwasmtime_module *module, void *context, uint64_t ticks, cwasmtime_failure *failure);
void cwasmtime_instance_release(cwasmtime_instance *instance);

// Calls an exported function of i32 parameters; the first of `values` becomes its result, if it has one. The call may take so
// many ticks. `trap` gets the number of wasmtime's trap, or -1.
cwasmtime_outcome cwasmtime_call(
    cwasmtime_instance *instance, const char *name, uint64_t ticks, const uint32_t *arguments, size_t argument_count,
    uint32_t *result, int *trap, cwasmtime_failure *failure);

// Linear memory; good until the next call.
uint8_t *cwasmtime_memory(cwasmtime_instance *instance, size_t *size);
// The value of an exported global of type i32; -1 where there is none.
int32_t cwasmtime_global(cwasmtime_instance *instance, const char *name);

#endif
