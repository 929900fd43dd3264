// The memory of keys and values.
#pragma once

#include <sys/mman.h>

#include <cstddef>

#include "workspace.h"

namespace pb {

// Zeros; a part that was never touched takes no memory.
class PageMemory {
 public:
  explicit PageMemory(size_t bytes) : size_(bytes) {
    base_ = mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    PB_CHECK(base_ != MAP_FAILED, "out of memory for ", size_, " bytes of keys and values");
    madvise(base_, size_, MADV_HUGEPAGE);  // a wish: refused, it is only slower
  }
  ~PageMemory() { munmap(base_, size_); }
  PageMemory(const PageMemory&) = delete;
  PageMemory& operator=(const PageMemory&) = delete;

  template <class T>
  T* at() const {
    return static_cast<T*>(base_);
  }

 private:
  void* base_;
  size_t size_;
};

}  // namespace pb
