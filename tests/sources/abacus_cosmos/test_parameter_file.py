from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from time import perf_counter

import pytest

from halokeras.cosmology.cosmology import ABACUS_COSMOS, Background, growth
from halokeras.errors import BoxError
from halokeras.sources.abacus_cosmos.parameter_file import read_cosmology, read_parameters

MINI = Path(__file__).resolve().parents[4] / "shared" / "data" / "abacus_summit_mini"
PLANCK = "H0 = 67.26\nOmega_M = 0.314153\nOmega_DE = 0.685847\nw0 = -1.0\n"
REST = "ombh2 = 0.02222\nns = 0.9652\nsigma_8 = 0.83\n"


@pytest.fixture
def parameters(tmp_path):
    def parse(text):
        path = tmp_path / "abacus.par"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_parameters(path)

    return parse


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("49", 49),
        ("-1", -1),
        ("2985984000", 2985984000),
        ("49.", 49.0),
        (".5", 0.5),
        ("1.088239739000000e+10", 1.088239739e10),
        ("6.02D23", 6.02e23),
        ("1.5-3", 1.5e-3),
        ("2 1 0.5 0.0", (2, 1, 0.5, 0.0)),
        ('"RVZel"', "RVZel"),
        ("'/a b/#c'  # where", "/a b/#c"),
        ('""', ""),
        ("RVZel", "RVZel"),
        ("__import__('os').getcwd()", ("__import__(", "os", ").getcwd()")),
    ],
)
def test_a_value_is_numbers_and_texts_and_never_code(parameters, written, value):
    assert parameters(f"   key = {written}\n").values == {"key": value}


def test_comments_blocks_of_them_and_continued_lines_follow_parse_header(parameters):
    text = "# BoxSize = 1 \\\nBoxSize = 720 # here\n\n##\nnot = a\nparameter\n##\na = 1 \\\n  2\n"
    assert parameters(text + "\x02\n").values == {"BoxSize": 720, "a": (1, 2)}


def test_the_state_of_a_slice_holds_over_the_parameters_before_it(parameters):
    text = "L0DensityThreshold = 60\nL0DensityThreshold =  110.59\n"
    assert parameters(text).number("L0DensityThreshold") == 110.59


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"\x89HDF\r\n\x1a\n\xff\x00", "is not text"),
        ("<html>\n", "line 1 is not of the form key = value"),
        ("a = 1\nb = \n", "line 2 is not of the form"),
        ('a = "open\n', "line 1 is not of the form"),
        ("a b = 1\n", "line 1 is not of the form"),
        ("a = 1 \\\n", "goes on"),
        ("##\na = 1\n", "ends within a comment"),
        ("a = 1\n" * 200_000, "more than a megabyte"),
    ],
)
def test_what_is_no_parameter_file_is_refused_in_one_sentence(parameters, text, told):
    with pytest.raises(BoxError, match=told) as caught:
        parameters(text)
    assert "abacus.par" in str(caught.value)


@pytest.mark.parametrize("text", ["a=" + "1 " * 500_000, "a\\\n" * 300_000, 'b="' * 300_000])
def test_a_hostile_megabyte_takes_no_longer_than_its_length_deserves(parameters, text):
    began = perf_counter()
    with suppress(BoxError):
        parameters(text)
    assert perf_counter() - began < 5


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(BoxError, match=r"none\.par cannot be read .*No such file"):
        read_parameters(tmp_path / "none.par")


def test_numbers_and_texts_are_told_apart(parameters):
    read = parameters("BoxSize = big\nNP = 0\nICFormat = 3\nH0 = 1" + "0" * 400 + "\n")
    with pytest.raises(BoxError, match="BoxSize is missing or not a number"):
        read.number("BoxSize")
    with pytest.raises(BoxError, match="H0 is missing or not a number"):
        read.number("H0")
    with pytest.raises(BoxError, match="NP is 0; it must be positive"):
        read.positive("NP")
    with pytest.raises(BoxError, match="ICFormat is missing or not a text"):
        read.text("ICFormat")


def test_the_cosmology_of_a_box_is_read_as_it_is_stated(parameters):
    for box in (None, "00"):
        cosmology, assumed = read_cosmology(parameters(PLANCK + REST), box)
        assert asdict(cosmology) == pytest.approx(asdict(ABACUS_COSMOS["00"]), rel=1e-12)
        assert assumed == ()


def test_what_a_file_does_not_state_is_the_named_box_s_and_said(parameters):
    cosmology, assumed = read_cosmology(parameters(PLANCK), "02")
    assert cosmology == replace(ABACUS_COSMOS["02"], omega_b=ABACUS_COSMOS["00"].omega_b)
    assert assumed == ("sigma8, omega_b, n_s of box 02, as abacus.par states none",)
    with pytest.raises(BoxError, match="does not state sigma8 and omega_b and n_s; name the --box"):
        read_cosmology(parameters(PLANCK), None)


def test_sigma8_today_follows_from_the_one_of_the_initial_conditions(parameters):
    initial = 0.83 * growth(1 / 50, Background(0.314153)).first[0]
    text = f"{PLANCK}ombh2 = 0.02222\nns = 0.9652\nInitialRedshift = 49\nZD_Pk_sigma = {initial}\n"
    cosmology, assumed = read_cosmology(parameters(text + "ZD_Pk_norm = 8.0\n"), None)
    assert cosmology.sigma8 == pytest.approx(0.83, rel=1e-12)
    assert assumed == ()
    with pytest.raises(BoxError, match="does not state sigma8"):
        read_cosmology(parameters(text + "ZD_Pk_norm = 12\n"), None)


@pytest.mark.parametrize(
    ("text", "box", "told"),
    [
        (PLANCK + REST, "01", "sigma8 is 0.83 but 0.78 in box 01"),
        (PLANCK + REST, "03", "H0 is 67.26 but 64.26 in box 03"),
        (PLANCK + REST, "40", "box id '40' is unknown"),
        (PLANCK.replace("-1.0", "0.1") + REST, None, "matter never dominated"),
        (PLANCK.replace("0.685847", "0.7") + REST, None, "is not a flat cosmology"),
        (
            PLANCK.replace("67.26", "0.6726") + REST,
            None,
            r"abacus\.par: H0 is 0.6726 and must lie between 20 and 200",
        ),
        (REST, None, "H0 is missing"),
    ],
)
def test_a_cosmology_that_is_another_box_s_or_no_lcdm_is_refused(parameters, text, box, told):
    with pytest.raises(BoxError, match=told):
        read_cosmology(parameters(text), box)


@pytest.mark.skipif(
    not MINI.is_dir(), reason="the mini AbacusSummit box is not beside the checkout"
)
def test_files_that_abacus_wrote_are_understood():
    folder = MINI / "Mini_N64_L32"
    parameters = read_parameters(folder / "abacus.par")
    assert parameters.values["LightConeOrigins"][:4] == (-15.0, -15.0, -15.0, -15.0)
    assert parameters.values["OMP_PLACES"] == "{0}:18:2,{1}:17:2"
    header = read_parameters(folder / "halos" / "z0.000" / "header")
    assert header.number("ParticleMassHMsun") == pytest.approx(1.0882e10, rel=1e-4)
    assert header.number("BoxSize") == parameters.number("BoxSize") == 32
