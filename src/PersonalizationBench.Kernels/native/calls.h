// The way in from C#: how a kernel is named, what happens to its errors, and how its work is shared out to threads.
#pragma once

#include <omp.h>
#include <xmmintrin.h>

#include <algorithm>
#include <cstdint>
#include <exception>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>

#define PB_NAME_OF(level, name) pb_##level##_##name
#define PB_NAME(level, name) PB_NAME_OF(level, name)

// A function that C# finds by name, in each level of the instruction set that has it.
#define PB_KERNEL(name) extern "C" __attribute__((visibility("default"))) int32_t PB_NAME(PB_LEVEL, name)

// A condition that only a fault in the caller breaks: what a user can get wrong is checked in C#, for kernels and operators alike.
#define PB_CHECK(condition, ...) \
  do { \
    if (!(condition)) throw std::runtime_error(pb::joined(__VA_ARGS__)); \
  } while (false)

namespace pb {

template <class... T>
std::string joined(const T&... parts) {
  std::ostringstream text;
  (text << ... << parts);
  return text.str();
}

// Not inline: a level's own, like everything here (build.sh).
static thread_local std::string last_error;

// Numbers below the smallest normal one count as zero. The processor's flags belong to a thread, and .NET calls from many; OpenMP's
// workers inherit them from here.
inline void flush_denormals() {
  constexpr unsigned kFlushToZero = 0x8000, kDenormalsAreZero = 0x0040;
  _mm_setcsr(_mm_getcsr() | kFlushToZero | kDenormalsAreZero);
}

// No C++ exception may cross into C#: 0 is success, 1 leaves its text for last_error.
template <class F>
int32_t guarded(F&& body) {
  try {
    flush_denormals();
    std::forward<F>(body)();
    return 0;
  } catch (const std::exception& e) {
    last_error = e.what();
  } catch (...) {
    last_error = "an exception that is not a std::exception";
  }
  return 1;
}

// The threads that libtorch's own operators would use: set by start.
static int (*threads_wanted)() = nullptr;

// body(begin, end) over shares of a range, each of at least `grain` and of neighbours, on as many threads as there is work for.
// An exception of a share is thrown here.
template <class F>
void parallel_for(int64_t begin, int64_t end, int64_t grain, const F& body) {
  if (begin >= end) return;
  int64_t count = end - begin;
  int64_t most = omp_in_parallel() || !threads_wanted ? 1 : std::min<int64_t>(threads_wanted(), count / grain);
  if (most <= 1) return body(begin, end);
  std::exception_ptr failure;
#pragma omp parallel num_threads(static_cast<int>(most))
  {
    int64_t share = (count + omp_get_num_threads() - 1) / omp_get_num_threads();
    int64_t first = begin + omp_get_thread_num() * share;
    try {
      if (first < end) body(first, std::min(end, first + share));
    } catch (...) {
#pragma omp critical
      failure = std::current_exception();
    }
  }
  if (failure) std::rethrow_exception(failure);
}

// Elements of a thread's share below which it is not worth waking. Threads sleep between two pieces of work (on a small machine those that
// spin starve others), and a sleeping one costs 10 to 45 us; a thread takes 10 to 55 us for so many elements of the kernels over rows, in f32
// by AVX2. What does more to an element counts it as several.
constexpr int64_t kWorthAThread = 65536;

// Rows of a thread's share.
inline int64_t grain(int64_t row_elements) { return std::max<int64_t>(1, kWorthAThread / std::max<int64_t>(1, row_elements)); }

}  // namespace pb
