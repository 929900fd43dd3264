// Compiled for every x86-64: which level of the instruction set this processor and its operating system have.
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace {

// The kernel gives the tiles' state to a process that asks for it.
bool tiles_granted() {
  constexpr long kRequestPermission = 0x1023, kTileData = 18;
  uint32_t a = 7, b = 0, c = 0, d = 0;
  __asm__("cpuid" : "+a"(a), "+b"(b), "+c"(c), "+d"(d));
  bool bf16_tiles = (d >> 22) & 1, tiles = (d >> 24) & 1;
  return bf16_tiles && tiles && syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

}  // namespace

// 0: none, 1: AVX2 and FMA, 2: AVX-512, 3: AVX512-BF16, 4: AMX. Each has what those before it have.
extern "C" __attribute__((visibility("default"))) int32_t pb_best_level() {
  __builtin_cpu_init();
  if (!(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2"))) return 0;
  if (!(__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512dq"))) {
    return 1;
  }
  if (!__builtin_cpu_supports("avx512bf16")) return 2;
  return tiles_granted() ? 4 : 3;
}
