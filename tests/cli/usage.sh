#!/usr/bin/env bash
# Wrong usage is refused before any work: exit code 2, nothing on stdout, and one line on stderr that shows what was
# given and what was expected.
source "$(dirname "$0")/lib.sh"

# refused WORD COMMAND...: and the line shows WORD
refused() {
    run "${@:2}"
    [[ $code == 2 ]] && empty "$out" && says "$err" . 1 && says "$err" "${1//./\\.}" 1
}

claim "a call without a job is refused" refused 'help' rankpool
claim "an unknown job is refused" refused frobnicate rankpool frobnicate
claim "an unknown option is refused" refused frobnicate rankpool --frobnicate primes 10
claim "an unknown option of a job is refused" refused frobnicate rankpool primes --frobnicate 10
claim "an option without its value is refused" refused crew rankpool --crew

claim "primes without a stop is refused" refused STOP rankpool primes
claim "primes with three numbers is refused" refused primes rankpool primes 1 2 3
claim "cubes without LAST is refused" refused LAST rankpool cubes 1
claim "powers without --exponent is refused" refused exponent rankpool powers 1 3
claim "count without a limit is refused" refused LIMIT rankpool count
claim "isprime without a number is refused" refused NUMBER rankpool isprime
claim "multiply without a number is refused" refused NUMBER rankpool multiply 7
claim "sleep without seconds is refused" refused SECONDS rankpool sleep
claim "hello takes no argument" refused 12 rankpool hello 12

claim "a number with a letter behind it is refused" refused 12x rankpool primes 12x
claim "a fraction is refused" refused 1e-3 rankpool primes 1e-3
claim "a number beyond 64 bits is refused" refused 1e20 rankpool primes 1e20
claim "an empty word is refused" refused "''|\"\"|empty" rankpool primes ''
claim "a negative limit is refused" refused -5 rankpool primes -5
claim "a word of two lines is refused on one" refused '12[?]x' rankpool --chunk $'12\nx' primes 10
claim "so is a job's" refused '12[?]x' rankpool primes $'12\nx'
claim "so is a job of two lines" refused 'no[?]job' rankpool $'no\njob'
claim "a word is not a number" refused ten rankpool cubes 1 ten
claim "a word among the numbers is refused" refused 7y rankpool isprime 3 7y
claim "a negative time is refused" refused -1 rankpool sleep -1
claim "an end before the start is refused" refused 3 rankpool cubes 5 3
claim "a stop before the start is refused" refused 10 rankpool primes 20 10
claim "a negative exponent is refused" refused -2 rankpool powers --exponent -2 1 3
claim "a file that is not there is refused" refused no-such-file rankpool isprime --file "$tmp/no-such-file"

claim "a crew of none is refused" refused 0 rankpool --crew 0 primes 10
claim "a crew that is no number is refused" refused many rankpool --crew many primes 10
claim "an unknown kind of worker is refused" refused fibre rankpool --workers fibre primes 10
claim "an unknown schedule is refused" refused random rankpool --schedule random primes 10
claim "a chunk of none is refused" refused 0 rankpool --schedule dynamic,0 primes 10
claim "an unknown binding is refused" refused socket rankpool --bind socket primes 10
claim "a lease of less than three beats is refused" refused 2s rankpool --lease 2s primes 10
claim "a lease may be for ever" gives 4 rankpool --quiet --lease never primes 10
claim "an unknown kind of progress is refused" refused dots rankpool --progress dots primes 10
claim "a bad value in the environment is refused, by its name" refused RANKPOOL_CREW \
    env RANKPOOL_CREW=0 "$RANKPOOL" primes 10

claim "a rank of srun that has no MPI is refused, not run as one of many" refused srun \
    env -u PMIX_RANK SLURM_JOB_ID=7 SLURM_STEP_ID=0 SLURM_NTASKS=2 SLURM_STEP_NUM_TASKS=2 SLURM_PROCID=1 "$RANKPOOL" primes 10

# On a node of a Slurm job, as its batch script is.
on_a_node() {
    env -u PMIX_RANK -u PMI_RANK SLURM_JOB_ID=123 SLURMD_NODENAME=n1 SLURM_JOB_NUM_NODES=3 \
        SLURM_JOB_CPUS_PER_NODE='2(x2),3' SLURM_CPUS_ON_NODE="$1" "$RANKPOOL" "${@:2}"
}
run on_a_node 1 --crew 1 primes 10
claim "a run says what Slurm gave" says "$err" '^rankpool: Slurm job 123: 3 nodes, 7 CPUs$' 1
claim "and that nodes are left out" says "$err" 'this Slurm job has 3 nodes' 1
claim "and nothing of cores where all are used" says "$err" 'Slurm gave' 0
claim "and on stdout there is only the result" gave 4
run on_a_node 1 --crew 2 primes 10
claim "more workers than Slurm gave CPUs are noted" \
    says "$err" '2 workers on a host where Slurm gave 1 CPU\b|2 workers share' 1
run on_a_node 1 --quiet --crew 2 primes 10
claim "--quiet says nothing of Slurm" empty "$err"

# Standard input and output that are closed: nothing that the program opens may take their places.
no_output() { run bash -c 'exec "$RANKPOOL" --quiet "$@" >&-' - "$@"; [[ $code == 3 ]] && says "$err" 'cannot write the results' 1; }
no_input() { run bash -c 'exec "$RANKPOOL" --quiet "$@" <&-' - "$@"; [[ $code == 2 ]] && says "$err" 'standard input: Bad file' 1; }
claim "results that cannot go to standard output are no success" no_output primes 10
claim "also those of exec" no_output exec echo ::: 1
claim "words from a closed standard input are none" no_input isprime -
claim "also those of exec" no_input exec echo
# shellcheck disable=SC2016
claim "who needs no input minds nothing" gives 4 bash -c 'exec "$RANKPOOL" --quiet primes 10 <&-'

run ranks 2 primes 12x
claim "mpirun hands the exit code on" test "$code" = 2
claim "under mpirun it is said once" says "$err" 12x 1
claim "under mpirun nothing is on stdout" empty "$out"
