from halokeras.training.allowance import Allowance


def test_pictures_take_no_more_than_their_share(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("halokeras.training.allowance.time.monotonic", lambda: now[0])
    allowance, drawn = Allowance(), []

    def draw():
        drawn.append(now[0])
        now[0] += 3.0

    for _ in range(10_000):
        now[0] += 0.5
        allowance.spend_on(draw)
    assert drawn[0] == 400.0  # two seconds are guessed before the first
    assert 0.002 < 3.0 * len(drawn) / now[0] <= 0.005
