#!/usr/bin/env bash
# Install the tools that attnrun is compared with, and attnrun from this checkout, into $ATTNRUN_PEERS.
# Takes about 3 GB and some minutes. Running it again installs what is missing.
set -euo pipefail
checkout=$(cd "$(dirname "$0")/.." && pwd)
place=${ATTNRUN_PEERS:-$HOME/.cache/attnrun-peers}
torch=$(sed -n 's/^torch==//p' "$checkout/.ci/constraints.txt")
mkdir -p "$place" && cd "$place"

[ -d venv ] || "${PYTHON:-python3}" -m venv venv
pip=(venv/bin/python -m pip --disable-pip-version-check install --quiet)
# Without an NVIDIA GPU the CPU build of torch will do; where its index cannot be reached, any build.
command -v nvidia-smi >/dev/null || "${pip[@]}" --no-deps --retries 0 --timeout 20 \
    --index-url https://download.pytorch.org/whl/cpu "torch==$torch" 2>/dev/null || true
"${pip[@]}" "torch==$torch" -e "$checkout"
"${pip[@]}" ctranslate2 pykeops pytest pytest-timeout scikit-learn sentencepiece statsmodels transformers
# These pin versions of torch and numpy that the others cannot share: without what they ask for, then with what
# they import. torchvision is left out: nothing here looks at pictures.
"${pip[@]}" --no-deps joeynmt==2.3.0 d2l==1.0.3 x-transformers
"${pip[@]}" --no-deps einops einx frozendict hyper_connections loguru torch_einops_utils
"${pip[@]}" datasets importlib_metadata ipython matplotlib_inline packaging pandas pillow requests sacremoses \
    seaborn setuptools six subword-nmt wrapt future

# OpenNMT-py has modules of its own that others must not see; it sees theirs.
[ -d venv_onmt ] || "${PYTHON:-python3}" -m venv venv_onmt
site='import sysconfig; print(sysconfig.get_path("purelib"))'
venv/bin/python -c "$site" > "$(venv_onmt/bin/python -c "$site")/shared.pth"
pip[0]=venv_onmt/bin/python
"${pip[@]}" --no-deps OpenNMT-py blinker configargparse fasttext-wheel flask itsdangerous pyahocorasick \
    pyonmttok rapidfuzz waitress werkzeug
"${pip[@]}" spacy

# So has Eole, which is only started.
[ -d venv_eole ] || "${PYTHON:-python3}" -m venv venv_eole
venv/bin/python -c "$site" > "$(venv_eole/bin/python -c "$site")/shared.pth"
pip[0]=venv_eole/bin/python
"${pip[@]}" --no-deps eole configargparse pyahocorasick pyonmttok rapidfuzz
"${pip[@]}" aiohttp fastapi uvicorn
echo "The peers are in $place; now: make bench"
