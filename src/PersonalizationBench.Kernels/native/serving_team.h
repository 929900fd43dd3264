// How a step's threads share its rows.
#pragma once

#include <immintrin.h>
#include <linux/futex.h>
#include <omp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <climits>
#include <cstdint>

namespace pb {

// Where the threads of one step meet. A phase takes microseconds, so that they wait awake at first; then they sleep until the last one
// wakes them: where other programs want the cores too, who spins keeps the one that is waited for from running.
class MeetingPoint {
 public:
  void open() { arrived_.store(0); }

  void wait(int threads) {
    if (threads == 1) return;
    uint32_t ticket = arrived_.fetch_add(1);
    uint32_t wanted = (ticket / static_cast<uint32_t>(threads) + 1) * static_cast<uint32_t>(threads);
    if (ticket + 1 == wanted) {
      if (asleep_.load() != 0) call(FUTEX_WAKE_PRIVATE, INT_MAX);
      return;
    }
    for (uint64_t begun = __rdtsc(); __rdtsc() - begun < kAwake;) {
      if (is_over(arrived_.load(std::memory_order_acquire), wanted)) return;
      _mm_pause();
    }
    asleep_.fetch_add(1);
    // The system sleeps only if the count is still the one that was seen: an arrival between the two is not missed.
    for (uint32_t seen; !is_over(seen = arrived_.load(), wanted);) call(FUTEX_WAIT_PRIVATE, seen);
    asleep_.fetch_sub(1);
  }

 private:
  // Cycles of the time stamp counter, some hundred microseconds: a sleeper takes tens of them to wake, and a large base has a hundred and
  // fifty meetings a token, of which one thread comes to each a little late.
  static constexpr uint64_t kAwake = 300'000;

  static bool is_over(uint32_t arrived, uint32_t wanted) { return static_cast<int32_t>(arrived - wanted) >= 0; }

  void call(int operation, uint32_t value) { syscall(SYS_futex, &arrived_, operation, value, nullptr, nullptr, 0); }

  alignas(64) std::atomic<uint32_t> arrived_{0};
  alignas(64) std::atomic<uint32_t> asleep_{0};
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
