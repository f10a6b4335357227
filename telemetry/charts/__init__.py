"""What charts are drawn from: as many points as a screen has columns, with limits, words and the site's clock."""
