#include "allocators/pmr.h"

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory_resource>
#include <new>

/* C's headers, where a function may be called as a struct is. */
extern "C" {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#include "plan/replay.h"
#pragma GCC diagnostic pop
}

namespace
{

/* allocate() is a call of a virtual function. Where users' code knows the type
 * of its resource, the compiler replaces it by do_allocate(), whose code stands
 * in the library's header. Naming that function does the same here. */
class resource final : public std::pmr::monotonic_buffer_resource
{
  public:
    void *
    cut(size_t size)
    {
        return monotonic_buffer_resource::do_allocate(size,
                                                      ALLOCATOR_ALIGNMENT);
    }
};

inline void *
cut(void *pmr, size_t size) noexcept
{
    try {
        return static_cast<resource *>(pmr)->cut(size);
    } catch (const std::bad_alloc &) {
        return nullptr;
    }
}

} // namespace

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
pmr_alloc(void *pmr, size_t size) noexcept
{
    return cut(pmr, size);
}

int
pmr_fill(struct region *region) noexcept
{
    return region_fill_with(region, cut);
}

int
pmr_replay(struct region *region) noexcept
{
    return replay_with(region, cut, nullptr);
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

#if defined(_LIBCPP_VERSION)
int
pmr_version(void) noexcept
{
    return _LIBCPP_VERSION;
}
#else
int
pmr_version(void) noexcept
{
    return _GLIBCXX_RELEASE;
}
#endif
