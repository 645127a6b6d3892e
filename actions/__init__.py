"""Operations that involve more than one package: uploads, lookups, takedowns, curation, import and export."""
