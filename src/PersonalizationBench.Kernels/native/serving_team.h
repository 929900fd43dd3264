// How a step's threads share its rows.
#pragma once

#include <immintrin.h>
#include <omp.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace pb {

// Where the threads of one step meet. A phase takes microseconds, so that they wait awake at first; then whoever else wants the core
// gets it.
class MeetingPoint {
 public:
  void open() { arrived_.store(0, std::memory_order_relaxed); }

  void wait(int threads) {
    if (threads == 1) return;
    uint32_t ticket = arrived_.fetch_add(1, std::memory_order_acq_rel);
    uint32_t wanted = (ticket / static_cast<uint32_t>(threads) + 1) * static_cast<uint32_t>(threads);
    for (int turns = 0; static_cast<int32_t>(arrived_.load(std::memory_order_acquire) - wanted) < 0; turns++) {
      if (turns < kAwake) {
        _mm_pause();
      } else {
        sched_yield();
      }
    }
  }

 private:
  static constexpr int kAwake = 200;

  alignas(64) std::atomic<uint32_t> arrived_{0};
};

struct Share {
  int64_t begin, end;
};

// The threads that work on the same rows, and which of them this one is.
struct Team {
  int size, index;
  MeetingPoint* meeting;

  void wait() const { meeting->wait(size); }

  // This thread's part of so many things, in units.
  Share of(int64_t count, int64_t unit = 1) const {
    int64_t units = (count + unit - 1) / unit, each = (units + size - 1) / size * unit;
    return {std::min(count, index * each), std::min(count, (index + 1) * each)};
  }
};

}  // namespace pb
