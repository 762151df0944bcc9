"""One frozen Settings: keyword → environment (``QUOTEWELL_…``) → ``quotewell.toml`` → default."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from rag.errors import UsageError


class Settings(BaseSettings):
    """What can be set. Every field is also an environment variable: ``home`` is QUOTEWELL_HOME."""

    model_config = SettingsConfigDict(env_prefix="QUOTEWELL_", frozen=True, extra="forbid", toml_file="quotewell.toml")

    home: Path = Field(Path(".quotewell"), description="folder of the collection")
    embedder: str = Field("builtin", description='"builtin", or a sentence-transformers id or folder')
    reader: str = Field("builtin", description='"builtin", "none", or a question-answering model\'s id or folder')
    threads: int = Field(2, ge=1, le=64, description="CPU threads of the models")
    passages: int = Field(12, ge=1, le=50, description="passages retrieved for an answer")
    threshold: float | None = Field(
        None, ge=0, le=1, description="confidence under which an answer is declined, instead of the fitted one"
    )
    max_article_chars: int = Field(5_000_000, ge=1, description="characters of one article")
    max_question_chars: int = Field(2_000, ge=1, description="characters of one question")
    max_body_bytes: int = Field(32_000_000, ge=1, description="bytes of one HTTP request")
    models: str = Field("", description='language models that may word answers, "provider:model", by commas')
    patience: float = Field(30, gt=0, le=600, description="seconds that a language model may take for an answer")
    host: str = Field("127.0.0.1", description="address to serve on")
    port: int = Field(8000, ge=0, le=65535, description="port to serve on; 0 takes any free one")

    allowed_hosts: str = Field("", description="names besides localhost by which MCP clients may call, by commas")

    @property
    def language_models(self) -> list[str]:
        """``models``, one by one."""
        return [name for part in self.models.split(",") if (name := part.strip())]

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def load_settings(**given: object) -> Settings:
    """Settings with ``given`` (None is left out) over the environment over quotewell.toml.

    Raises UsageError naming the key and the value that does not fit.
    """
    try:
        return Settings.model_validate(
            Settings(**{key: value for key, value in given.items() if value is not None})  # type: ignore[arg-type]
        )
    except ValidationError as err:
        first = err.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise UsageError(
            expected=f"setting {key}: {first['msg']}",
            found=repr(first.get("input")),
            remedy=f"mend QUOTEWELL_{key.upper()} or {key} in quotewell.toml",
        ) from err
