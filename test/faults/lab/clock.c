// Puts the clock of a process forward or back by the milliseconds in the file that TEST_CLOCK names, at any moment; loaded by LD_PRELOAD.
// What counts time that passes stays as it is.
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static int64_t ahead_ms(void) {
  static volatile int64_t *ahead;
  if (ahead == NULL) {
    const char *file = getenv("TEST_CLOCK");
    int opened = file == NULL ? -1 : open(file, O_RDONLY | O_CLOEXEC);
    if (opened < 0) return 0;
    void *mapped = mmap(NULL, sizeof *ahead, PROT_READ, MAP_SHARED, opened, 0);
    close(opened);
    if (mapped == MAP_FAILED) return 0;
    ahead = mapped;
  }
  return *ahead;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  int failed = (int)syscall(SYS_clock_gettime, clock, now);
  if (failed == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
    int64_t ns = now->tv_nsec + ahead_ms() % 1000 * 1000000;
    now->tv_sec += ahead_ms() / 1000 + (ns < 0 ? -1 : ns / 1000000000);
    now->tv_nsec = (ns + 1000000000) % 1000000000;
  }
  return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  struct timespec precise;
  (void)zone;
  if (clock_gettime(CLOCK_REALTIME, &precise) != 0) return -1;
  now->tv_sec = precise.tv_sec;
  now->tv_usec = precise.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *kept) {
  struct timespec precise;
  clock_gettime(CLOCK_REALTIME, &precise);
  if (kept != NULL) *kept = precise.tv_sec;
  return precise.tv_sec;
}
