/* Stands in for ONNX Runtime's library in tests/it/sandbox.rs: as soon as it is loaded it tries one thing that the
 * model's process must not be able to do, says on standard error how that went, and ends the process.
 * With -DCONTROL it is a program, which shows that the same attempt succeeds outside of the sandbox. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

static int attempt(void) {
#if defined(CONNECT)
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(CONNECT)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int socket_ = socket(AF_INET, SOCK_STREAM, 0);
    return socket_ < 0 ? -1 : connect(socket_, (struct sockaddr *)&address, sizeof address);
#elif defined(READ)
    char byte;
    int file = open(READ, O_RDONLY);
    return file < 0 || read(file, &byte, 1) < 0 ? -1 : 0;
#elif defined(WRITE)
    int file = open(WRITE, O_WRONLY | O_CREAT, 0600);
    return file < 0 ? -1 : 0;
#elif defined(UNLINK)
    return unlink(UNLINK);
#elif defined(ENVIRON)
    char path[64], byte;
    snprintf(path, sizeof path, "/proc/%d/environ", getppid());
    int file = open(path, O_RDONLY);
    return file < 0 || read(file, &byte, 1) < 0 ? -1 : 0;
#elif defined(EXECUTE)
    char *arguments[] = {"true", NULL};
    return execv("/bin/true", arguments);
#elif defined(FORK)
    pid_t child = fork();
    if (child == 0) _exit(0);
    return child < 0 ? -1 : waitpid(child, NULL, 0) == child ? 0 : -1;
#elif defined(TRACE)
    return ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) < 0 ? -1 : 0;
#elif defined(KILL)
    return kill(getppid(), 0);
#elif defined(RING)
    char parameters[120] = {0};
    return syscall(425, 1, parameters) < 0 ? -1 : 0; /* io_uring_setup: what it does, no filter sees */
#elif defined(HANDLE)
    char handle[8 + 128] = {128};
    int mount = 0;
    return syscall(303, AT_FDCWD, "/etc/passwd", handle, &mount, 0) < 0 ? -1 : 0; /* name_to_handle_at */
#elif defined(X32)
    return syscall(0x40000000 | 39) < 0 ? -1 : 0; /* getpid by the other interface of x86-64 */
#elif defined(SETUID)
    return setuid(0);
#endif
}

static void report(void) {
    int result = attempt();
    fprintf(stderr, "attempt: %s, user %d\n", result < 0 ? strerror(errno) : "succeeded", (int)getuid());
}

#if defined(CONTROL)
int main(void) {
    report();
    return 0;
}
#else
__attribute__((constructor)) static void load(void) {
    report();
    abort();
}
#endif
