#include "CSegCPU.h"
int segcpu_placeholder(void) { return 0; }
