// Declarations of libwasmtime's C interface (version 50), as its documentation states them: layouts, and each function with
// its type. The functions are found by their names when the library is loaded.
#ifndef CWASMTIME_INTERFACE_H
#define CWASMTIME_INTERFACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct wasm_config wasm_config;
typedef struct wasm_engine wasm_engine;
typedef struct wasm_trap wasm_trap;
typedef struct wasm_functype wasm_functype;
typedef struct wasm_valtype wasm_valtype;
typedef struct wt_error wt_error;
typedef struct wt_module wt_module;
typedef struct wt_linker wt_linker;
typedef struct wt_store wt_store;
typedef struct wt_context wt_context;
typedef struct wt_caller wt_caller;
typedef struct wt_instance_pre wt_instance_pre;
typedef struct wt_pool wt_pool;

typedef struct {
    size_t size;
    char *data;
} wasm_bytes;

typedef struct {
    size_t size;
    wasm_valtype **data;
} wasm_valtypes;

typedef struct {
    uint64_t store;
    size_t place;
} wt_instance;

typedef struct {
    uint64_t store;
    void *place;
} wt_func;

// A kind (0 function, 1 global, 2 table, 3 memory), then the largest of the items.
typedef struct {
    uint8_t kind;
    union {
        wt_func func;
        uint64_t words[4];
    } of;
} wt_extern;

// A value in a call without checks of types.
typedef union {
    int32_t i32;
    int64_t i64;
    double f64;
    uint8_t v128[16];
} wt_raw;

typedef struct {
    uint8_t kind;  // 0 is i32
    union {
        int32_t i32;
        uint64_t words[4];
    } of;
} wt_value;

typedef wasm_trap *(*wt_callback)(void *environment, wt_caller *caller, wt_raw *values, size_t count);

// X(result, name, parameters)
#define CWASMTIME_FUNCTIONS(X)                                                                                        \
    X(wasm_config *, wasm_config_new, (void))                                                                         \
    X(wasm_engine *, wasm_engine_new_with_config, (wasm_config *))                                                    \
    X(void, wasm_trap_delete, (wasm_trap *))                                                                          \
    X(void, wasm_trap_message, (const wasm_trap *, wasm_bytes *))                                                     \
    X(void, wasm_byte_vec_delete, (wasm_bytes *))                                                                     \
    X(wasm_valtype *, wasm_valtype_new, (uint8_t))                                                                    \
    X(void, wasm_valtype_vec_new, (wasm_valtypes *, size_t, wasm_valtype *const[]))                                   \
    X(wasm_functype *, wasm_functype_new, (wasm_valtypes *, wasm_valtypes *))                                         \
    X(void, wasm_functype_delete, (wasm_functype *))                                                                  \
    X(void, wasmtime_config_epoch_interruption_set, (wasm_config *, bool))                                            \
    X(void, wasmtime_config_max_wasm_stack_set, (wasm_config *, size_t))                                              \
    X(void, wasmtime_config_wasm_threads_set, (wasm_config *, bool))                                                  \
    X(void, wasmtime_config_shared_memory_set, (wasm_config *, bool))                                                 \
    X(void, wasmtime_config_wasm_tail_call_set, (wasm_config *, bool))                                                \
    X(void, wasmtime_config_wasm_reference_types_set, (wasm_config *, bool))                                          \
    X(void, wasmtime_config_wasm_function_references_set, (wasm_config *, bool))                                      \
    X(void, wasmtime_config_wasm_component_model_set, (wasm_config *, bool))                                          \
    X(void, wasmtime_config_wasm_component_model_async_set, (wasm_config *, bool))                                    \
    X(void, wasmtime_config_wasm_gc_set, (wasm_config *, bool))                                                       \
    X(void, wasmtime_config_gc_support_set, (wasm_config *, bool))                                                    \
    X(void, wasmtime_config_wasm_simd_set, (wasm_config *, bool))                                                     \
    X(void, wasmtime_config_wasm_relaxed_simd_set, (wasm_config *, bool))                                             \
    X(void, wasmtime_config_wasm_multi_memory_set, (wasm_config *, bool))                                             \
    X(void, wasmtime_config_wasm_memory64_set, (wasm_config *, bool))                                                 \
    X(void, wasmtime_config_wasm_exceptions_set, (wasm_config *, bool))                                               \
    X(void, wasmtime_config_wasm_stack_switching_set, (wasm_config *, bool))                                          \
    X(void, wasmtime_config_strategy_set, (wasm_config *, uint8_t))                                                   \
    X(void, wasmtime_config_signals_based_traps_set, (wasm_config *, bool))                                           \
    X(void, wasmtime_config_memory_init_cow_set, (wasm_config *, bool))                                               \
    X(void, wasmtime_config_native_unwind_info_set, (wasm_config *, bool))                                            \
    X(void, wasmtime_config_memory_reservation_set, (wasm_config *, uint64_t))                                        \
    X(void, wasmtime_config_parallel_compilation_set, (wasm_config *, bool))                                          \
    X(wt_pool *, wasmtime_pooling_allocation_config_new, (void))                                                      \
    X(void, wasmtime_pooling_allocation_config_delete, (wt_pool *))                                                   \
    X(void, wasmtime_pooling_allocation_config_total_core_instances_set, (wt_pool *, uint32_t))                       \
    X(void, wasmtime_pooling_allocation_config_total_memories_set, (wt_pool *, uint32_t))                             \
    X(void, wasmtime_pooling_allocation_config_total_tables_set, (wt_pool *, uint32_t))                               \
    X(void, wasmtime_pooling_allocation_config_max_memory_size_set, (wt_pool *, size_t))                              \
    X(void, wasmtime_pooling_allocation_config_table_elements_set, (wt_pool *, size_t))                               \
    X(void, wasmtime_pooling_allocation_config_linear_memory_keep_resident_set, (wt_pool *, size_t))                  \
    X(void, wasmtime_pooling_allocation_config_table_keep_resident_set, (wt_pool *, size_t))                          \
    X(void, wasmtime_pooling_allocation_strategy_set, (wasm_config *, const wt_pool *))                               \
    X(void, wasmtime_engine_increment_epoch, (wasm_engine *))                                                         \
    X(void, wasmtime_error_message, (const wt_error *, wasm_bytes *))                                                 \
    X(void, wasmtime_error_delete, (wt_error *))                                                                      \
    X(wasm_trap *, wasmtime_trap_new, (const char *, size_t))                                                         \
    X(bool, wasmtime_trap_code, (const wasm_trap *, uint8_t *))                                                       \
    X(wt_error *, wasmtime_module_new, (wasm_engine *, const uint8_t *, size_t, wt_module **))                        \
    X(wt_error *, wasmtime_module_validate, (wasm_engine *, const uint8_t *, size_t))                                 \
    X(wt_error *, wasmtime_module_serialize, (const wt_module *, wasm_bytes *))                                       \
    X(wt_error *, wasmtime_module_deserialize_file, (wasm_engine *, const char *, wt_module **))                      \
    X(void, wasmtime_module_delete, (wt_module *))                                                                    \
    X(wt_linker *, wasmtime_linker_new, (wasm_engine *))                                                              \
    X(void, wasmtime_linker_delete, (wt_linker *))                                                                    \
    X(wt_error *, wasmtime_linker_define_func_unchecked,                                                              \
      (wt_linker *, const char *, size_t, const char *, size_t, const wasm_functype *, wt_callback, void *,           \
       void (*)(void *)))                                                                                             \
    X(wt_error *, wasmtime_linker_instantiate_pre, (const wt_linker *, const wt_module *, wt_instance_pre **))        \
    X(void, wasmtime_instance_pre_delete, (wt_instance_pre *))                                                        \
    X(wt_error *, wasmtime_instance_pre_instantiate,                                                                  \
      (const wt_instance_pre *, wt_context *, wt_instance *, wasm_trap **))                                           \
    X(bool, wasmtime_instance_export_get, (wt_context *, const wt_instance *, const char *, size_t, wt_extern *))     \
    X(wt_store *, wasmtime_store_new, (wasm_engine *, void *, void (*)(void *)))                                      \
    X(wt_context *, wasmtime_store_context, (wt_store *))                                                             \
    X(void, wasmtime_store_limiter, (wt_store *, int64_t, int64_t, int64_t, int64_t, int64_t))                        \
    X(void, wasmtime_store_delete, (wt_store *))                                                                      \
    X(void *, wasmtime_context_get_data, (const wt_context *))                                                        \
    X(void, wasmtime_context_set_epoch_deadline, (wt_context *, uint64_t))                                            \
    X(wt_context *, wasmtime_caller_context, (wt_caller *))                                                           \
    X(wasm_functype *, wasmtime_func_type, (const wt_context *, const wt_func *))                                     \
    X(const wasm_valtypes *, wasm_functype_params, (const wasm_functype *))                                           \
    X(const wasm_valtypes *, wasm_functype_results, (const wasm_functype *))                                          \
    X(uint8_t, wasm_valtype_kind, (const wasm_valtype *))                                                             \
    X(wt_error *, wasmtime_func_call_unchecked, (wt_context *, const wt_func *, wt_raw *, size_t, wasm_trap **))      \
    X(uint8_t *, wasmtime_memory_data, (const wt_context *, const void *))                                            \
    X(size_t, wasmtime_memory_data_size, (const wt_context *, const void *))                                          \
    X(void, wasmtime_global_get, (wt_context *, const void *, wt_value *))

#endif
