from halokeras.errors import BoxError


def test_a_message_is_one_line_whatever_it_quotes():
    error = BoxError("box \x1b[2J\n of \u202e \ud800 é; correct it")
    assert str(error) == "box  [2J  of     é; correct it"


def test_a_long_message_keeps_its_beginning_and_its_end():
    told = str(BoxError("file a.h5 " + "x" * 10**6 + "; correct it"))
    assert len(told) < 2100
    assert told.startswith("file a.h5 x")
    assert told.endswith("x; correct it")
