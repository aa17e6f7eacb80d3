// What compiled Swift calls of a C library, where there is none. Memory comes from the runtime's heap and is never returned:
// an event's memory goes with its instance.
#include <stddef.h>
#include <stdint.h>

extern uint32_t czone_allocate(uint32_t size);

int posix_memalign(void **result, size_t alignment, size_t size) {
    // The heap's blocks are aligned to 8, which is as much as any type here wants.
    (void)alignment;
    *result = (void *)(uintptr_t)czone_allocate((uint32_t)size);
    return 0;
}

void free(void *block) {
    (void)block;
}

void *memset(void *to, int byte, size_t count) {
    return __builtin_memset(to, byte, count);
}

void *memcpy(void *to, const void *from, size_t count) {
    return __builtin_memcpy(to, from, count);
}

void *memmove(void *to, const void *from, size_t count) {
    return __builtin_memmove(to, from, count);
}

// The low 64 bits of each half suffice to make a product of 128 bits.
typedef struct {
    uint64_t low, high;
} wide;

void __multi3(wide *result, uint64_t a_low, uint64_t a_high, uint64_t b_low, uint64_t b_high) {
    uint64_t mask = 0xffffffff;
    uint64_t low = (a_low & mask) * (b_low & mask);
    uint64_t middle = (a_low >> 32) * (b_low & mask) + (low >> 32);
    uint64_t other = (a_low & mask) * (b_low >> 32) + (middle & mask);
    result->low = other << 32 | (low & mask);
    result->high = (a_low >> 32) * (b_low >> 32) + (middle >> 32) + (other >> 32) + a_low * b_high + a_high * b_low;
}
