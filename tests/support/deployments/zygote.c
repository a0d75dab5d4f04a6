/* Preloaded into Envoy: lets a program in Python run before Envoy's main, which forks.

   The program is the value of ZYGOTE. It returns in a child alone, once it has said by
   `zygote_become` which command line Envoy is to see; its imports are there by then. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

typedef int (*main_function)(int, char **, char **);
typedef int (*start_function)(main_function, int, char **, void (*)(void), void (*)(void),
                              void (*)(void), void *);

extern char **environ;
/* Of libpython, which is preloaded beside this. */
void Py_InitializeEx(int);
int PyRun_SimpleStringFlags(const char *, void *);
void *PyEval_SaveThread(void);

static main_function envoy;
static int count;
static char **arguments;

void zygote_become(int argc, char **argv) {
    count = argc;
    arguments = argv;
}

static int zygote(int argc, char **argv, char **env) {
    Py_InitializeEx(0);
    if (PyRun_SimpleStringFlags(getenv("ZYGOTE"), NULL) != 0 || arguments == NULL)
        _exit(1);
    PyEval_SaveThread(); /* pyvoy takes the GIL wherever it needs it */
    return envoy(count, arguments, environ);
}

int __libc_start_main(main_function main, int argc, char **argv, void (*init)(void),
                      void (*fini)(void), void (*rtld_fini)(void), void *stack_end) {
    start_function start = (start_function)dlsym(RTLD_NEXT, "__libc_start_main");
    main_function ours = getenv("ZYGOTE") != NULL ? zygote : main;
    envoy = main;
    return start(ours, argc, argv, init, fini, rtld_fini, stack_end);
}
