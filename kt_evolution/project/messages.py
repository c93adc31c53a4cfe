"""Messages: texts of errors, shortened for the journal and for readers."""

from kt_evolution.display.terminal import unstyled

# In characters: some 60 lines of a traceback, and the error that ends it.
MAX_LENGTH = 10_000
# The share of a long text that is kept of its beginning. The text of an error
# that is long itself begins there, after the frames.
HEAD = 0.6


def shortened(text: str, max_length: int = MAX_LENGTH) -> str:
    """Returns an unstyled text without its middle, if it is too long.

    Args:
        text: String, for instance a traceback.
        max_length: Int, how many characters are kept at most. Defaults to
            10,000.
    """
    text = unstyled(text)
    if len(text) <= max_length:
        return text
    head = int(max_length * HEAD)
    tail = max_length - head
    num_left_out = len(text) - max_length
    return (
        f"{text[:head]}\n[... {num_left_out:,} characters left out ...]\n"
        f"{text[-tail:]}"
    )
