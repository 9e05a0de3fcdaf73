// Fails an allocation, makes some more, and crashes. Arguments: the number of allocations before the crash, and its
// signal.

#include "CSegProcess.h"

#include <signal.h>
#include <stdlib.h>

int main(int count, char **arguments) {
    if (count != 3) return 64;
    segprocess_end_cleanly_without_memory("exhaust");
    volatile size_t endless = (size_t)1 << 62;
    if (malloc(endless)) return 1;
    for (int i = 0; i < atoi(arguments[1]); i++) {
        char *volatile block = malloc(100);
        free(block);
    }
    raise(atoi(arguments[2]));
    return 2;
}
