// A GNU make extension, $(exit-with STATUS), which ends make with that status. Without it make ends with 2 whatever a
// command ended with, and says so on stderr; `make host` passes both through.
#include <gnumake.h>
#include <stdlib.h>

int plugin_is_GPL_compatible;

static char *exit_with(const char *name, unsigned int count, char **arguments) {
    (void)name;
    (void)count;
    exit(atoi(arguments[0]));
}

int exit_with_gmk_setup(const gmk_floc *place) {
    (void)place;
    gmk_add_function("exit-with", exit_with, 1, 1, GMK_FUNC_DEFAULT);
    return 1;
}
