#!/usr/bin/env bash
# Check the whole project on a CUDA device in under fifteen minutes: tests, training as a user would run it, every recipe
# under the graph engine, speed by engine and precision, and comparisons with the textbook loop. Each figure is written to
# $OUT as soon as it is known, every phase has a time limit, and a table of all figures is printed at the end. The exit
# status is 1 if a command of a phase failed or another engine took over; one that is out of time has not failed.
#
#   make gpu-check                       on a machine with a GPU: all phases. Without one: download wheels into .whl/ and
#                                        print the commands for a GPU machine without network access
#   bash benchmarks/gpu_check.sh 1       there, in a copy of the checkout with .whl/: phases a b s k, at most 435 s
#   bash benchmarks/gpu_check.sh 2       phases d l c t e p, at most 345 s (file names repeat: copy $OUT in between)
#   bash benchmarks/gpu_check.sh quick   one small case of each measurement on the CPU; used by the tests
#   PHASES="d e" TOTAL=200 bash benchmarks/gpu_check.sh
#
# Phases, most valuable first:
#   a  tests marked gpu but not slow, then each failed test in its own process
#   b  `wgan train mnist_dcgan`, then sample, inspect, evaluate, gif and resume; then under the graph and eager engines
#   s  24 steps of every recipe under the graph engine: captured, or why not
#   k  `wgan train mnist_dcgan --engine compile`
#   d  steps/s of cifar10_resnet, mnist_dcgan and mnist_mlp by engine and precision; queue depth, memory, cost of logs
#   l  steps/s of cifar10_resnet with compiled losses; the compiler takes a minute
#   p  state after a failed capture; weight gradients in double backward; dependence of an image on its batch
#   c  next to the textbook loop: mlp, dcgan, resnet
#   e  kernels and busy share of a step
#   t  steps/s of mnist_mlp and mnist_dcgan on the CPU with 1, 2, 4, 8, 16 threads, and the number that training chooses
#
# $OUT gets results.jsonl, summary.txt, log.txt, tests.txt, smi.csv, train_speed.json, default.jsonl and grid.png.
set -u
cd "$(dirname "$0")/.."
PY=${PYTHON:-python3}

if [ "${1:-}" = prepare ]; then
  if "$PY" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' 2>/dev/null; then exec bash "$0" all; fi
  mkdir -p .whl
  # What a machine with torch, torchvision, typer, rich, pyyaml, pillow and pytest may lack. pydantic needs this pydantic_core.
  "$PY" -m pip download -q --no-deps --only-binary=:all: --python-version 3.12 --implementation cp \
    --platform manylinux_2_28_x86_64 --platform manylinux_2_27_x86_64 --platform manylinux_2_17_x86_64 \
    --platform manylinux2014_x86_64 --platform manylinux1_x86_64 -d .whl \
    pydantic==2.14.4 pydantic_core==2.50.5 annotated_types==0.8.0 typing_inspection==0.4.5 typing_extensions==4.16.0 \
    ruamel.yaml==0.19.1 || exit
  echo "no CUDA device here; on a machine with one, in a copy of this checkout with .whl/:"
  echo "  bash benchmarks/gpu_check.sh 1   # at most 435 s"
  echo "  bash benchmarks/gpu_check.sh 2   # at most 345 s"
  exit
fi

case "${1:-}" in
  1) PHASES=${PHASES:-a b s k} TOTAL=${TOTAL:-420} ;;
  2) PHASES=${PHASES:-d l c t e p} TOTAL=${TOTAL:-330} ;;
  quick) PHASES=q TOTAL=${TOTAL:-550} GPU_DEVICE=cpu ;;
  *) PHASES=${PHASES:-a b s d l c k t e p} TOTAL=${TOTAL:-760} ;;
esac
ENGINE_SECONDS=${ENGINE_SECONDS:-40} ENGINES=${ENGINES:-graph eager} # of training for each of these engines in b
export OUT=${OUT:-/tmp/gpu_out} WORK=${WORK:-/tmp/gpu_work} PYTHONUNBUFFERED=1 XDG_CACHE_HOME=${WORK:-/tmp/gpu_work}/cache
export MPLBACKEND=Agg TORCHINDUCTOR_CACHE_DIR=/tmp/gpu_inductor KINETO_LOG_LEVEL=99 GPU_DEVICE=${GPU_DEVICE:-cuda:0}
mkdir -p "$OUT" "$WORK" "$XDG_CACHE_HOME"
W=$PWD/benchmarks/gpu_worker.py
SECONDS=0 FAILED=0

say() { echo "[$SECONDS s] $*" | tee -a "$OUT/summary.txt"; }

# run NAME LIMIT COMMAND...: run a command within its limit and the rest of TOTAL; output goes to log.txt. Status 124 is a
# timeout; any other than 0 fails the whole check.
run() {
  local name=$1 limit=$2 left=$((TOTAL - SECONDS - 8)) began=$SECONDS status
  shift 2
  [ "$limit" -gt "$left" ] && limit=$left
  [ "$limit" -lt 6 ] && { say "$name: skipped, out of time"; return 0; }
  echo "=== $name, at most $limit s: $*" >>"$OUT/log.txt"
  timeout -k 3 "$limit" "$@" >>"$OUT/log.txt" 2>&1
  status=$?
  [ $status -eq 137 ] && [ $((SECONDS - began)) -ge "$limit" ] && status=124 # it had to be killed
  say "$name: status $status in $((SECONDS - began)) s"
  [ $status -eq 0 ] || [ $status -eq 124 ] && return 0
  FAILED=1
  tail -n 4 "$OUT/log.txt" | cut -c1-300 | tee -a "$OUT/summary.txt"
}

finish() {
  local status=$?
  trap - EXIT TERM INT
  [ -n "${WATCHER:-}" ] && kill "$WATCHER" 2>/dev/null
  "$PY" "$W" table 2>&1 | tee -a "$OUT/summary.txt" | tail -c 9000
  ls -l "$OUT"
  exit "$status"
}
trap finish EXIT
trap 'exit 143' TERM
trap 'exit 130' INT

if [ "$PHASES" != q ] && ls .whl/*.whl >/dev/null 2>&1; then
  "$PY" -m pip install -q --no-index --no-deps --no-compile --no-cache-dir --upgrade --target /tmp/site .whl/*.whl
fi
export PYTHONPATH=/tmp/site:$PWD
"$PY" - <<'PY' 2>&1 | tee -a "$OUT/summary.txt"
import platform, pydantic, torch, torchvision, typer, rich, yaml, safetensors, tensorboard, matplotlib, filelock, jinja2, ruamel.yaml
print("python", platform.python_version(), "torch", torch.__version__, "cudnn", torch.backends.cudnn.version(),
      "typer", typer.__version__, "pydantic", pydantic.VERSION, torch.cuda.get_device_name() if torch.cuda.is_available() else "NO GPU")
PY
"$PY" -c "import pydantic" || { say "pydantic is missing: run 'make gpu-check' where packages can be downloaded, and copy .whl/"; exit 1; }
"$PY" "$W" facts >>"$OUT/log.txt" 2>&1
say "ready"
[ "$PHASES" = q ] || { "$PY" "$W" watch >/dev/null 2>&1 & WATCHER=$!; }

tests() {
  local files workers="" failing
  files=$(grep -rlE 'mark\.gpu' tests --include='*.py' | tr '\n' ' ')
  "$PY" -c "import xdist, pytest_timeout" 2>/dev/null && workers="-n ${WORKERS:-6} --dist load --timeout 90"
  # shellcheck disable=SC2086
  run "a tests" "${TESTS_LIMIT:-120}" sh -c "$PY -m pytest -m 'gpu and not slow' $files $workers -q -p no:cacheprovider --tb short --durations 5 >'$OUT/tests.txt' 2>&1"
  grep -E '^(FAILED|ERROR)|passed|failed' "$OUT/tests.txt" | cut -c1-260 | tee -a "$OUT/summary.txt"
  failing=$(grep -oE '^(FAILED|ERROR) [^ ]+::[^ ]+' "$OUT/tests.txt" | awk '{print $2}' | sort -u | head -n 8)
  [ -z "$failing" ] && return 0
  printf '%s\n' "$failing" >"$WORK/failing"
  run "a failed tests alone" 50 sh -c "xargs -P 4 -n 1 sh -c 'timeout -k 2 40 $PY -m pytest \"\$0\" -m gpu -q -p no:cacheprovider --tb long >$WORK/alone.\$\$ 2>&1' <'$WORK/failing'"
  cat "$WORK"/alone.* >>"$OUT/tests.txt" 2>/dev/null
  say "alone: $(cat "$WORK"/alone.* 2>/dev/null | grep -cE '^[0-9]+ passed|^1 passed') passed of $(wc -l <"$WORK/failing")"
}

# train LABEL LIMIT OPTION...: one run of `wgan train` and its figures.
train() {
  local label=$1 limit=$2 began
  shift 2
  began=$(date +%s)
  run "b train $label" "$limit" "$PY" -m wgan_cli train --recipe mnist_dcgan --set data.source=digits \
    --set data.split=all --device "${GPU_DEVICE%:*}" --out "$WORK/$label" "$@"
  [ -s "$WORK/$label/metrics.jsonl" ] || return 0 # skipped, or out of time
  "$PY" "$W" rate "$label" "$WORK/$label" "$began" >>"$OUT/log.txt" 2>&1 || FAILED=1
}

training() {
  train default 100
  cp "$WORK/default/metrics.jsonl" "$OUT/default.jsonl" 2>/dev/null
  cp "$(ls "$WORK"/default/samples/*.png 2>/dev/null | tail -n 1)" "$OUT/grid.png" 2>/dev/null
  grep -E '^tried:|^about|Warning|warning' "$OUT/log.txt" | sort -u | head -n 12 | cut -c1-300 | tee -a "$OUT/summary.txt"
  cat >"$WORK/after" <<RUNS
sample --ckpt $WORK/default -n 64 --out $WORK/s.png
inspect $WORK/default
inspect mnist_dcgan
evaluate $WORK/default
gif $WORK/default --out $WORK/s.gif
train --resume $WORK/default --steps 13000 -q
RUNS
  run "b commands after it" 45 sh -c "xargs -P 6 -I{} sh -c 'timeout -k 2 40 $PY -m wgan_cli {} >$WORK/after.\$\$ 2>&1; code=\$?; echo \"exit \$code of wgan {}\" >>$WORK/exits; [ \$code = 124 ] || exit \$code' <'$WORK/after'; code=\$?; cat $WORK/after.*; exit \$code"
  cat "$WORK/exits" 2>/dev/null | cut -c1-200 | tee -a "$OUT/summary.txt"
  for engine in $ENGINES; do
    engine_run $engine $((ENGINE_SECONDS + 30))
  done
}

# engine_run ENGINE LIMIT: training stopped by the clock.
engine_run() {
  train "$1" "$2" --engine "$1" --steps 1000000 --minutes "$(awk "BEGIN {print $ENGINE_SECONDS / 60}")" --set eval_every=null -q
}

smoke() {
  printf '%s\n' cifar10_resnet mnist_style cifar10_style mnist_hinge mnist_cvae_gan mnist_r3gan mnist_wgan mnist_cyclegan \
    mnist_mlp mnist_cgan cifar10_resnet_ac mnist_cdcgan_gp cifar10_dcgan mnist_r1 mnist_conv mnist_lsgan folder_dcgan \
    folder128_resnet mnist_gan fashion_style cifar10_cyclegan >"$WORK/recipes"
  run "s recipes" 75 sh -c "xargs -P 6 -I{} sh -c 'timeout -k 2 45 $PY $W smoke {} || [ \$? = 124 ]' <'$WORK/recipes'"
}

for phase in $PHASES; do
  case $phase in
    a) tests ;;
    b) training ;;
    s) smoke ;;
    q)
      run "q smoke" 130 env ENGINE=eager "$PY" "$W" smoke mnist_mlp
      run "q speed" 130 "$PY" "$W" speed mnist_mlp eager 0.2 off
      run "q textbook" 130 "$PY" "$W" beside mnist_mlp 0.3
      run "q sampling" 130 "$PY" "$W" probe sampling mnist_mlp
      run "q threads" 130 "$PY" "$W" probe threads mnist_mlp
      ;;
    k) engine_run compile $((ENGINE_SECONDS + 80)) ;;
    d)
      run "d resnet graph" 70 "$PY" "$W" speed cifar10_resnet graph 1.5 bf16 tf32 off bf16+benchmark off+benchmark
      run "d resnet eager" 20 "$PY" "$W" speed cifar10_resnet eager 2 bf16
      run "d dcgan graph" 27 "$PY" "$W" speed mnist_dcgan graph 1 bf16 off
      run "d dcgan eager" 22 "$PY" "$W" speed mnist_dcgan eager 1 bf16 off
      run "d mlp graph" 21 "$PY" "$W" speed mnist_mlp graph 1 bf16 off
      ;;
    p)
      run "p failed capture" 25 "$PY" "$W" probe capture_fail
      run "p double backward" 40 "$PY" "$W" probe double_backward
      run "p sampling" 40 "$PY" "$W" probe sampling
      ;;
    c)
      run "c textbook mlp dcgan" 75 "$PY" benchmarks/train_speed.py --device "${GPU_DEVICE%:*}" --cases mnist_mlp mnist_dcgan \
        --rounds 2 --seconds 0.6 --out "$OUT/train_speed.json"
      run "c textbook resnet" 60 "$PY" "$W" beside cifar10_resnet 3
      run "c textbook dcgan, images on the GPU" 40 "$PY" "$W" beside mnist_dcgan 2
      ;;
    e)
      for of in "cifar10_resnet graph bf16" "mnist_dcgan graph bf16"; do  # a profile of eager takes a minute
        # shellcheck disable=SC2086
        run "e $of" 35 "$PY" "$W" profile $of
      done
      ;;
    t) run "t threads" 40 "$PY" "$W" probe threads mnist_mlp mnist_dcgan ;;
    l) run "l resnet compile" 110 "$PY" "$W" speed cifar10_resnet compile 3 bf16 ;;
  esac
done
exit $FAILED
