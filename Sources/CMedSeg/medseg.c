#include "medseg.h"

#include <stdlib.h>

const char *medseg_version(void) { return MEDSEG_VERSION; }

void medseg_free(char *text) { free(text); }
