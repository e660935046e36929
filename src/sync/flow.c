/* Comes with the branch that builds it. */
#include "rankpool.h"
