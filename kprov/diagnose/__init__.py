"""Why a machine failed: what it says of itself, and the likely cause with its remedy; how it was made, it knows not."""
