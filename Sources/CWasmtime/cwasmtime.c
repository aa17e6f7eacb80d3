// Calls of libwasmtime. What crosses is checked in Swift (Sources/Sandbox); here is only what C has to say.
#include "include/cwasmtime.h"
#include "interface.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DECLARE(result, name, parameters) static result(*name) parameters;
CWASMTIME_FUNCTIONS(DECLARE)

#define MAX_IMPORTS 16
#define MAX_PARAMETERS 8

struct cwasmtime_engine {
    wasm_engine *engine;
    cwasmtime_limits limits;
};

typedef struct {
    struct cwasmtime_module *module;
    uint32_t number;
    uint32_t parameters;
    char kinds[MAX_PARAMETERS];
    char result;
} import_entry;

struct cwasmtime_module {
    cwasmtime_engine *engine;
    wt_module *module;
    wt_linker *linker;
    wt_instance_pre *prepared;
    cwasmtime_host host;
    import_entry imports[MAX_IMPORTS];
};

struct cwasmtime_instance {
    wt_store *store;
    wt_context *store_context;
    wt_instance instance;
    wt_extern memory;
    bool has_memory;
    void *context;
};

static bool fail(cwasmtime_failure *failure, const char *text, const char *detail) {
    snprintf(failure->text, sizeof failure->text, "%s%s%s", text, detail ? ": " : "", detail ? detail : "");
    return false;
}

// Takes an error; whether there was none.
static bool succeeded(wt_error *error, cwasmtime_failure *failure) {
    if (!error) return true;
    wasm_bytes message;
    wasmtime_error_message(error, &message);
    snprintf(failure->text, sizeof failure->text, "%.*s", (int)message.size, message.data);
    wasm_byte_vec_delete(&message);
    wasmtime_error_delete(error);
    return false;
}

bool cwasmtime_load(const char *path, cwasmtime_failure *failure) {
    static void *library;
    if (library) return true;
    void *opened = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!opened) return fail(failure, "wasmtime's library", dlerror());
#define FIND(result, name, parameters)                                                                                \
    if (!(name = (result(*) parameters)dlsym(opened, #name))) return fail(failure, path, "it lacks " #name);
    CWASMTIME_FUNCTIONS(FIND)
    library = opened;
    return true;
}

static wt_pool *make_pool(const cwasmtime_limits *limits) {
    wt_pool *pool = wasmtime_pooling_allocation_config_new();
    wasmtime_pooling_allocation_config_total_core_instances_set(pool, limits->instances);
    wasmtime_pooling_allocation_config_total_memories_set(pool, limits->instances);
    wasmtime_pooling_allocation_config_total_tables_set(pool, limits->instances);
    wasmtime_pooling_allocation_config_max_memory_size_set(pool, limits->memory_bytes);
    wasmtime_pooling_allocation_config_table_elements_set(pool, limits->table_elements);
    // So much of a memory is cleared by writing instead of giving its pages back.
    wasmtime_pooling_allocation_config_linear_memory_keep_resident_set(pool, 64 << 10);
    wasmtime_pooling_allocation_config_table_keep_resident_set(pool, 16 << 10);
    return pool;
}

cwasmtime_engine *cwasmtime_engine_make(const cwasmtime_limits *limits, cwasmtime_failure *failure) {
    wasm_config *config = wasm_config_new();
    wasmtime_config_strategy_set(config, 1);  // Cranelift
    wasmtime_config_epoch_interruption_set(config, true);
    wasmtime_config_max_wasm_stack_set(config, limits->stack_bytes);
    wasmtime_config_signals_based_traps_set(config, true);
    wasmtime_config_memory_init_cow_set(config, true);
    wasmtime_config_memory_reservation_set(config, limits->memory_bytes);
    wasmtime_config_native_unwind_info_set(config, false);
    wasmtime_config_parallel_compilation_set(config, false);
    wasmtime_config_wasm_relaxed_simd_set(config, false);
    wasmtime_config_wasm_simd_set(config, false);
    wasmtime_config_wasm_threads_set(config, false);
    wasmtime_config_shared_memory_set(config, false);
    wasmtime_config_wasm_tail_call_set(config, false);
    wasmtime_config_wasm_gc_set(config, false);
    wasmtime_config_wasm_function_references_set(config, false);
    wasmtime_config_wasm_exceptions_set(config, false);
    wasmtime_config_wasm_component_model_async_set(config, false);
    wasmtime_config_wasm_component_model_set(config, false);
    wasmtime_config_wasm_reference_types_set(config, false);
    wasmtime_config_gc_support_set(config, false);
    wasmtime_config_wasm_multi_memory_set(config, false);
    wasmtime_config_wasm_memory64_set(config, false);
    wasmtime_config_wasm_stack_switching_set(config, false);
    wt_pool *pool = make_pool(limits);
    wasmtime_pooling_allocation_strategy_set(config, pool);
    wasmtime_pooling_allocation_config_delete(pool);
    wasm_engine *engine = wasm_engine_new_with_config(config);
    cwasmtime_engine *made = calloc(1, sizeof *made);
    if (!engine || !made) return fail(failure, "wasmtime makes no engine", NULL), NULL;
    made->engine = engine;
    made->limits = *limits;
    return made;
}

void cwasmtime_tick(cwasmtime_engine *engine) { wasmtime_engine_increment_epoch(engine->engine); }

bool cwasmtime_validate(cwasmtime_engine *engine, const uint8_t *bytes, size_t count, cwasmtime_failure *failure) {
    return succeeded(wasmtime_module_validate(engine->engine, bytes, count), failure);
}

uint8_t *cwasmtime_compile(
    cwasmtime_engine *engine, const uint8_t *bytes, size_t count, size_t *size, cwasmtime_failure *failure) {
    wt_module *module;
    if (!succeeded(wasmtime_module_new(engine->engine, bytes, count, &module), failure)) return NULL;
    wasm_bytes code;
    uint8_t *copy = NULL;
    if (succeeded(wasmtime_module_serialize(module, &code), failure)) {
        copy = malloc(code.size ? code.size : 1);
        if (copy) memcpy(copy, code.data, code.size);
        else fail(failure, "no memory for a module's code", NULL);
        *size = code.size;
        wasm_byte_vec_delete(&code);
    }
    wasmtime_module_delete(module);
    return copy;
}

static wasm_trap *call_host(void *environment, wt_caller *caller, wt_raw *raw, size_t count) {
    import_entry *entry = environment;
    wt_context *context = wasmtime_caller_context(caller);
    cwasmtime_instance *instance = wasmtime_context_get_data(context);
    uint64_t values[MAX_PARAMETERS] = {0};
    for (size_t i = 0; i < entry->parameters && i < count; i++) {
        values[i] = entry->kinds[i] == 'i' ? (uint32_t)raw[i].i32 : (uint64_t)raw[i].i64;
    }
    size_t size = 0;
    uint8_t *memory = cwasmtime_memory(instance, &size);
    if (entry->module->host(instance->context, entry->number, values, memory, size)) return wasmtime_trap_new("host", 4);
    if (entry->result && count > 0) raw[0].i64 = (int64_t)values[0];
    return NULL;
}

static uint8_t kind_of(char letter) { return letter == 'i' ? 0 : letter == 'l' ? 1 : 3; }

static wasm_functype *type_of(const import_entry *entry) {
    wasm_valtype *list[MAX_PARAMETERS];
    for (uint32_t i = 0; i < entry->parameters; i++) list[i] = wasm_valtype_new(kind_of(entry->kinds[i]));
    wasm_valtypes parameters, results;
    wasm_valtype_vec_new(&parameters, entry->parameters, list);
    wasm_valtype *result = entry->result ? wasm_valtype_new(kind_of(entry->result)) : NULL;
    wasm_valtype_vec_new(&results, result ? 1 : 0, &result);
    return wasm_functype_new(&parameters, &results);
}

static bool define(struct cwasmtime_module *module, const cwasmtime_import *import, uint32_t number, cwasmtime_failure *failure) {
    import_entry *entry = &module->imports[number];
    *entry = (import_entry){.module = module, .number = number, .result = import->result};
    entry->parameters = (uint32_t)strlen(import->parameters);
    memcpy(entry->kinds, import->parameters, entry->parameters);
    wasm_functype *type = type_of(entry);
    wt_error *error = wasmtime_linker_define_func_unchecked(
        module->linker, "czone", 5, import->name, strlen(import->name), type, call_host, entry, NULL);
    wasm_functype_delete(type);
    return succeeded(error, failure);
}

cwasmtime_module *cwasmtime_module_open(
    cwasmtime_engine *engine, const char *path, const cwasmtime_import *imports, size_t import_count, cwasmtime_host host,
    cwasmtime_failure *failure) {
    cwasmtime_module *module = calloc(1, sizeof *module);
    if (!module || import_count > MAX_IMPORTS) return fail(failure, "no memory for a module", NULL), free(module), NULL;
    module->engine = engine;
    module->host = host;
    module->linker = wasmtime_linker_new(engine->engine);
    bool good = succeeded(wasmtime_module_deserialize_file(engine->engine, path, &module->module), failure);
    for (uint32_t i = 0; good && i < import_count; i++) good = define(module, &imports[i], i, failure);
    good = good && succeeded(wasmtime_linker_instantiate_pre(module->linker, module->module, &module->prepared), failure);
    if (good) return module;
    cwasmtime_module_release(module);
    return NULL;
}

void cwasmtime_module_release(cwasmtime_module *module) {
    if (module->prepared) wasmtime_instance_pre_delete(module->prepared);
    if (module->linker) wasmtime_linker_delete(module->linker);
    if (module->module) wasmtime_module_delete(module->module);
    free(module);
}

// Whether nothing went wrong; what did is the text, and a trap's number.
static cwasmtime_outcome outcome_of(wt_error *error, wasm_trap *trap, int *number, cwasmtime_failure *failure) {
    *number = -1;
    if (!trap) return succeeded(error, failure) ? CWASMTIME_DONE : CWASMTIME_FAILED;
    uint8_t code;
    if (wasmtime_trap_code(trap, &code)) *number = code;
    wasm_bytes message;
    wasm_trap_message(trap, &message);
    snprintf(failure->text, sizeof failure->text, "%.*s", (int)message.size, message.data);
    wasm_byte_vec_delete(&message);
    wasm_trap_delete(trap);
    return CWASMTIME_TRAPPED;
}

cwasmtime_instance *cwasmtime_instance_make(
    cwasmtime_module *module, void *context, uint64_t ticks, cwasmtime_failure *failure) {
    cwasmtime_instance *instance = calloc(1, sizeof *instance);
    if (!instance) return fail(failure, "no memory for an instance", NULL), NULL;
    instance->context = context;
    instance->store = wasmtime_store_new(module->engine->engine, instance, NULL);
    instance->store_context = wasmtime_store_context(instance->store);
    wasmtime_store_limiter(instance->store, (int64_t)module->engine->limits.memory_bytes, module->engine->limits.table_elements, 1, 1, 1);
    wasmtime_context_set_epoch_deadline(instance->store_context, ticks);
    wasm_trap *trap = NULL;
    int number;
    wt_error *error =
        wasmtime_instance_pre_instantiate(module->prepared, instance->store_context, &instance->instance, &trap);
    if (outcome_of(error, trap, &number, failure) != CWASMTIME_DONE) {
        cwasmtime_instance_release(instance);
        return NULL;
    }
    instance->has_memory =
        wasmtime_instance_export_get(instance->store_context, &instance->instance, "memory", 6, &instance->memory) &&
        instance->memory.kind == 3;
    return instance;
}

void cwasmtime_instance_release(cwasmtime_instance *instance) {
    wasmtime_store_delete(instance->store);
    free(instance);
}

// Whether a function has so many parameters, all i32, and at most one result, an i32.
static bool takes(cwasmtime_instance *instance, const wt_func *function, size_t count) {
    wasm_functype *type = wasmtime_func_type(instance->store_context, function);
    const wasm_valtypes *parameters = wasm_functype_params(type), *results = wasm_functype_results(type);
    bool good = parameters->size == count && results->size <= 1;
    for (size_t i = 0; good && i < count; i++) good = wasm_valtype_kind(parameters->data[i]) == 0;
    if (good && results->size) good = wasm_valtype_kind(results->data[0]) == 0;
    wasm_functype_delete(type);
    return good;
}

cwasmtime_outcome cwasmtime_call(
    cwasmtime_instance *instance, const char *name, uint64_t ticks, const uint32_t *arguments, size_t argument_count,
    uint32_t *result, int *trap, cwasmtime_failure *failure) {
    wt_extern item;
    wt_raw values[MAX_PARAMETERS] = {{0}};
    *trap = -1;
    if (argument_count > MAX_PARAMETERS ||
        !wasmtime_instance_export_get(instance->store_context, &instance->instance, name, strlen(name), &item) ||
        item.kind != 0 || !takes(instance, &item.of.func, argument_count)) {
        fail(failure, "the module has no such function", name);
        return CWASMTIME_FAILED;
    }
    for (size_t i = 0; i < argument_count; i++) values[i].i32 = (int32_t)arguments[i];
    wasmtime_context_set_epoch_deadline(instance->store_context, ticks);
    wasm_trap *trapped = NULL;
    size_t room = argument_count ? argument_count : 1;
    wt_error *error =
        wasmtime_func_call_unchecked(instance->store_context, &item.of.func, values, room, &trapped);
    cwasmtime_outcome outcome = outcome_of(error, trapped, trap, failure);
    if (result) *result = (uint32_t)values[0].i32;
    return outcome;
}

uint8_t *cwasmtime_memory(cwasmtime_instance *instance, size_t *size) {
    *size = 0;
    if (!instance->has_memory) return NULL;
    *size = wasmtime_memory_data_size(instance->store_context, &instance->memory.of);
    return wasmtime_memory_data(instance->store_context, &instance->memory.of);
}

int32_t cwasmtime_global(cwasmtime_instance *instance, const char *name) {
    wt_extern item;
    if (!wasmtime_instance_export_get(instance->store_context, &instance->instance, name, strlen(name), &item)) return -1;
    if (item.kind != 1) return -1;
    wt_value value;
    wasmtime_global_get(instance->store_context, &item.of, &value);
    return value.kind == 0 ? value.of.i32 : -1;
}
