/* The public calls on values and arrays, by callers that have the words mapped and by callers on another node. */
#include "sync_stage.h"
#include "unit.h"

#define IS(is, should) CU_ASSERT_EQUAL(is, should)

static void use_value(rp_self *self) {
    rp_value value;
    int64_t is = 7;
    double number = 7;
    bool swapped = true;
    IS(rp_value_new(self, &value), 0);
    IS(rp_value_load(self, value, &is), 0);
    IS(is, 0);
    IS(rp_value_load_double(self, value, &number), 0);
    IS(number, 0);
    IS(rp_value_store(self, value, -5), 0);
    IS(rp_value_add(self, value, 3, &is), 0);
    IS(is, -5);
    IS(rp_value_add(self, value, 1, NULL), 0);
    IS(rp_value_exchange(self, value, 40, &is), 0);
    IS(is, -1);
    is = 41;
    IS(rp_value_compare_exchange(self, value, &is, 50, &swapped), 0);
    CU_ASSERT_FALSE(swapped);
    IS(is, 40);
    IS(rp_value_compare_exchange(self, value, &is, 50, &swapped), 0);
    CU_ASSERT_TRUE(swapped);
    IS(rp_value_load(self, value, &is), 0);
    IS(is, 50);
    IS(rp_value_store_double(self, value, 0.5), 0);
    IS(rp_value_add_double(self, value, 0.25, &number), 0);
    IS(number, 0.5);
    IS(rp_value_load_double(self, value, &number), 0);
    IS(number, 0.75);
    IS(rp_value_free(self, value), 0);
    IS(rp_value_load(self, value, &is), RP_ECLOSED);
    IS(rp_value_free(self, value), RP_ECLOSED);
}

static void use_array(rp_self *self) {
    rp_array array;
    int64_t is, words[4] = {1, 2, 3, 4};
    double number;
    bool swapped = false;
    IS(rp_array_new(self, 10, &array), 0);
    IS(rp_array_write(self, array, 6, 4, words), 0);
    IS(rp_array_write(self, array, 7, 4, words), RP_ERANGE);
    IS(rp_array_write(self, array, 10, 0, NULL), 0);
    IS(rp_array_load(self, array, 9, &is), 0);
    IS(is, 4);
    IS(rp_array_load(self, array, 10, &is), RP_ERANGE);
    IS(rp_array_store(self, array, 10, 1), RP_ERANGE);
    IS(rp_array_store(self, array, 5, 50), 0);
    IS(rp_array_add(self, array, 6, 10, &is), 0);
    IS(is, 1);
    IS(rp_array_exchange(self, array, 7, 22, &is), 0);
    IS(is, 2);
    is = 3;
    IS(rp_array_compare_exchange(self, array, 8, &is, 33, &swapped), 0);
    CU_ASSERT_TRUE(swapped);
    IS(rp_array_compare_exchange(self, array, SIZE_MAX, &is, 33, NULL), RP_ERANGE);
    IS(rp_array_read(self, array, 5, 4, words), 0);
    IS(words[0] + words[1] + words[2] + words[3], 50 + 11 + 22 + 33);
    IS(rp_array_read(self, array, 7, SIZE_MAX / 32, words), RP_ERANGE);
    IS(rp_array_read(self, array, SIZE_MAX, 2, words), RP_ERANGE);
    IS(rp_array_read(self, array, 10, 0, NULL), 0);
    IS(rp_array_store_double(self, array, 0, 1.5), 0);
    IS(rp_array_add_double(self, array, 0, 1, NULL), 0);
    IS(rp_array_load_double(self, array, 0, &number), 0);
    IS(number, 2.5);
    IS(rp_array_free(self, array), 0);
    IS(rp_array_read(self, array, 0, 1, words), RP_ECLOSED);
    IS(rp_array_write(self, array, 0, 1, words), RP_ECLOSED);
    IS(rp_array_add(self, array, 0, 1, NULL), RP_ECLOSED);
}

static void values_and_arrays_are_the_same_near_and_far(void) {
    struct sync_stage *s = open_sync_stage();
    s->caller[1].far = true;
    for (size_t who = 0; who < 2; who++) {
        use_value(self_of(s, who));
        use_array(self_of(s, who));
    }
    close_sync_stage(s);
}

static void near_and_far_callers_share_the_words(void) {
    struct sync_stage *s = open_sync_stage();
    s->caller[1].far = true;
    rp_array array;
    int64_t is;
    void *words;
    size_t count;
    IS(rp_array_new(self_of(s, 0), 3, &array), 0);
    IS(rp_array_store(self_of(s, 1), array, 2, 5), 0);
    IS(rp_array_add(self_of(s, 0), array, 2, 1, &is), 0);
    IS(is, 5);
    IS(rp_array_words(self_of(s, 0), array, &words, &count), 0);
    IS(count, 3);
    IS(((int64_t *)words)[2], 6);
    ((int64_t *)words)[2] = 9;
    IS(rp_array_load(self_of(s, 1), array, 2, &is), 0);
    IS(is, 9);
    IS(rp_array_words(self_of(s, 1), array, &words, &count), RP_EUNSUPPORTED);
    IS(rp_array_free(self_of(s, 1), array), 0);
    IS(rp_array_load(self_of(s, 0), array, 2, &is), RP_ECLOSED); /* though it is still mapped there */
    IS(rp_array_words(self_of(s, 0), array, &words, NULL), RP_ECLOSED);
    close_sync_stage(s);
}

enum { ADDS = 2000 };

static int add_aside(struct aside *a) {
    for (int i = 0; i < ADDS; i++) {
        int code = rp_array_add(a->self, (rp_array){a->id}, 0, 1, NULL);
        if (code == 0) code = rp_array_add_double(a->self, (rp_array){a->id}, 1, 0.5, NULL);
        if (code) return code;
    }
    return 0;
}

static void no_addition_is_lost(void) {
    struct sync_stage *s = open_sync_stage();
    rp_array array;
    int64_t is;
    double number;
    IS(rp_array_new(self_of(s, 0), 2, &array), 0);
    struct aside adder[CALLERS];
    for (size_t i = 0; i < CALLERS; i++) {
        s->caller[i].far = i % 2;
        adder[i] = (struct aside){.run = add_aside, .id = array.id};
        begin(&adder[i], s, i);
    }
    for (size_t i = 0; i < CALLERS; i++) IS(end(&adder[i]), 0);
    IS(rp_array_load(self_of(s, 0), array, 0, &is), 0);
    IS(is, CALLERS * ADDS);
    IS(rp_array_load_double(self_of(s, 0), array, 1, &number), 0);
    IS(number, CALLERS * ADDS / 2);
    close_sync_stage(s);
}

static void words_that_cannot_be_are_refused(void) {
    struct sync_stage *s = open_sync_stage();
    rp_array array;
    IS(rp_array_new(self_of(s, 0), 0, &array), RP_EINVAL);
    IS(rp_array_new(self_of(s, 0), SIZE_MAX, &array), RP_EINVAL);
    IS(rp_array_new(self_of(s, 0), (size_t)1 << 50, &array), RP_ENOMEM);
    close_sync_stage(s);
}

int main(void) {
    static const struct unit_test tests[] = {
        UNIT(values_and_arrays_are_the_same_near_and_far),
        UNIT(near_and_far_callers_share_the_words),
        UNIT(no_addition_is_lost),
        UNIT(words_that_cannot_be_are_refused),
        {NULL, NULL},
    };
    return unit_run("sync: values and arrays", tests);
}
