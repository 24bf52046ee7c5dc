#include "allocators/pmr.h"

#include <memory_resource>
#include <new>

using resource = std::pmr::monotonic_buffer_resource;

void *
pmr_create(void) noexcept
{
    try {
        return new resource();
    } catch (const std::bad_alloc &) {
        return nullptr;
    }
}

void *
pmr_alloc(void *pmr, size_t size, size_t alignment) noexcept
{
    try {
        return static_cast<resource *>(pmr)->allocate(size, alignment);
    } catch (const std::bad_alloc &) {
        return nullptr;
    }
}

void
pmr_release(void *pmr) noexcept
{
    static_cast<resource *>(pmr)->release();
}

void
pmr_destroy(void *pmr) noexcept
{
    delete static_cast<resource *>(pmr);
}

const void *
pmr_entry(void) noexcept
{
    return reinterpret_cast<const void *>(&std::pmr::new_delete_resource);
}

int
pmr_version(void) noexcept
{
    return _GLIBCXX_RELEASE;
}
