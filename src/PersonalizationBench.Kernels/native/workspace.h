// Memory of the kernels' own.
#pragma once

#include "calls.h"

#ifdef __linux__
#include <sys/mman.h>
#endif

#include <cstdint>
#include <cstdlib>

namespace pb {

// Aligned memory taken in pieces; it grows to the largest need and is kept. Large ones lie in huge pages: tiles touch many pages
// at once, and a miss of the translation cache costs more than the product.
class Workspace {
 public:
  Workspace() = default;
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;
  ~Workspace() { std::free(base_); }

  void reserve(size_t bytes) {
    at_ = 0;
    if (bytes <= size_) return;
    std::free(base_);
    size_t page = bytes >= kHugePage ? kHugePage : 4096;
    size_ = (bytes + page - 1) / page * page;
    base_ = static_cast<char*>(std::aligned_alloc(page, size_));
#ifdef __linux__
    if (base_ && page == kHugePage) madvise(base_, size_, MADV_HUGEPAGE);  // a wish: refused, it is only slower
#endif
    PB_CHECK(base_, "out of memory for ", size_, " bytes of workspace");
  }

  template <class T>
  T* take(int64_t count) {
    T* taken = reinterpret_cast<T*>(base_ + at_);
    at_ += static_cast<size_t>(count * static_cast<int64_t>(sizeof(T)) + 63) / 64 * 64;
    PB_CHECK(at_ <= size_, "a workspace of ", size_, " bytes is too small");
    return taken;
  }

 private:
  static constexpr size_t kHugePage = size_t{2} << 20;

  char* base_ = nullptr;
  size_t size_ = 0, at_ = 0;
};

}  // namespace pb
